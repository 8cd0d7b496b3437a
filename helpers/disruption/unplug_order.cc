#include "helpers/disruption/unplug_order.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>

#include "helpers/libvirt/iommu_group.h"

namespace passthrough {
namespace {

constexpr KernelVersion kRefusesHalfGroups{5, 19};

bool Contains(const std::vector<PciAddress>& addresses, const PciAddress& address) {
  return std::count(addresses.begin(), addresses.end(), address) > 0;
}

bool GoTogether(const PciAddress& gpu, const PciAddress& other, const Inventory* running) {
  const HostPciDevice* const device = running == nullptr ? nullptr : running->FindPciDevice(gpu);
  if (device == nullptr || !device->iommu_group) return gpu.SameDevice(other);
  return Contains(device->iommu_group_members, other);
}

// A GPU's slot has what NVIDIA and AMD put on its card: audio, USB, UCSI. Elsewhere only GPUs and their audio.
bool BelongsToGpus(const PlannedDevice& gpu, const PlannedDevice& other) {
  return gpu.host_address.SameDevice(other.host_address) || other.type == DeviceType::kGpu ||
         other.type == DeviceType::kAudio;
}

// Whether the host binds a driver of its own to `function` when it comes back; where nobody looked before the node had
// it, it may.
bool GoesToHostDriver(const PciAddress& function, const Inventory* before) {
  if (before == nullptr) return true;
  const HostPciDevice* const device = before->FindPciDevice(function);
  return device != nullptr && !LeavesGroupViable(device->driver);
}

}  // namespace

std::optional<KernelVersion> KernelVersion::Parse(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  return minor.ec == std::errc() ? std::optional(version) : std::nullopt;
}

std::optional<KernelVersion> KernelVersion::OfThisMachine() {
  utsname name{};
  return uname(&name) == 0 ? Parse(name.release) : std::nullopt;
}

bool UnplugGroup::IsGpu(const PciAddress& function) const { return Contains(gpus, function); }

UnplugPlan PlanUnplug(const PlannedNode& node, const UnplugHost& host) {
  UnplugPlan plan;
  std::vector<PciAddress> taken;
  for (const PlannedDevice& gpu : node.DevicesOfType(DeviceType::kGpu)) {
    if (Contains(taken, gpu.host_address)) continue;
    UnplugGroup group{.functions = {gpu.host_address}, .gpus = {gpu.host_address}};
    for (const PlannedDevice& other : node.devices) {
      if (other.host_address == gpu.host_address || Contains(taken, other.host_address)) continue;
      if (!GoTogether(gpu.host_address, other.host_address, host.running)) continue;
      if (!BelongsToGpus(gpu, other)) {
        plan.problem = fmt::format(
            "function {} is in the IOMMU group of GPU {} and would have to be unplugged, too, which the node may be "
            "using for something else",
            other.host_address.ToString(), gpu.host_address.ToString());
      }
      group.functions.push_back(other.host_address);
      if (other.type == DeviceType::kGpu) group.gpus.push_back(other.host_address);
    }
    taken.insert(taken.end(), group.functions.begin(), group.functions.end());
    const auto first_with_driver =
        std::stable_partition(group.functions.begin(), group.functions.end(),
                              [&](const PciAddress& one) { return !GoesToHostDriver(one, host.before); });
    const auto with_driver = group.functions.end() - first_with_driver;
    if (with_driver > 1 && host.kernel && *host.kernel < kRefusesHalfGroups) {
      std::vector<std::string> names;
      for (auto one = first_with_driver; one != group.functions.end(); ++one) names.push_back(one->ToString());
      plan.problem = fmt::format(
          "the host's kernel is {}.{}, and one older than 5.19 meets a function that goes back to a driver of the "
          "host's, while a guest holds the rest of its IOMMU group, with a BUG: {} {} in one group and {}. Bind all "
          "but "
          "one of them to vfio-pci or to no driver before the domain starts, or update the host's kernel",
          host.kernel->major, host.kernel->minor, fmt::join(names, ", "), names.size() == 2 ? "are both" : "are all",
          host.before == nullptr ? "the host may have a driver for each" : "had a driver of the host's before");
    }
    plan.groups.push_back(std::move(group));
  }
  return plan;
}

}  // namespace passthrough
