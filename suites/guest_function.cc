#include "suites/guest_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/files.h"
#include "helpers/libvirt/pci_controllers.h"

namespace passthrough {
namespace {

std::vector<PciController> ControllersOf(const DiscoveredNode& domain) {
  const auto& run = Session::Get().run();
  if (!run) throw EvidenceError("there is no run whose evidence could be checked");
  const std::filesystem::path file = run->DomainXml(domain.domain);
  try {
    return ReadPciControllers(ReadFile(file));
  } catch (const Error& error) {
    throw EvidenceError(fmt::format("{} is missing or broken: {}", run->Relative(file), error.what()));
  }
}

// The path to `address` of the domain's XML; nothing where its controllers do not lead to a root. `depth` bounds a
// chain of bridges.
std::optional<BusPath> PathTo(const PciAddress& address, const std::vector<PciController>& controllers, int depth = 0) {
  const BusPath::Slot slot{address.device, address.function};
  if (address.bus == 0) return BusPath{0, {slot}};  // the root complex is bus 0 on both sides
  const auto bridge = std::find_if(controllers.begin(), controllers.end(),
                                   [&](const PciController& one) { return one.index == address.bus; });
  if (bridge == controllers.end()) return std::nullopt;
  // pxb-pcie puts no bridge above the function, it is a root bus of its own
  // (https://libvirt.org/formatdomain.html#controllers, pcie-expander-bus).
  if (bridge->model == "pcie-expander-bus") {
    if (!bridge->bus_number) return std::nullopt;
    return BusPath{*bridge->bus_number, {slot}};
  }
  if (!bridge->address || depth > 8) return std::nullopt;
  std::optional<BusPath> path = PathTo(*bridge->address, controllers, depth + 1);
  if (path) path->slots.push_back(slot);
  return path;
}

// How a planned device is attached to its node.
struct Attachment {
  std::optional<BusPath> path;  // nothing where it leads nowhere
  std::string address;          // how libvirt writes it
  std::string problem;          // why it is not attached; empty: it is
};

// All that depends on libvirt: the domain's <hostdev> has the device's address in the node.
Attachment AttachmentByDomainXml(const DiscoveredNode& domain, const PlannedDevice& device) {
  const DomainInventory& on_host = DomainOnHost(domain);
  const auto hostdev = std::find_if(on_host.hostdevs.begin(), on_host.hostdevs.end(),
                                    [&](const DomainHostdev& one) { return one.host_address == device.host_address; });
  Attachment attachment;
  if (hostdev == on_host.hostdevs.end()) {
    attachment.problem = fmt::format("is not attached to domain {} by libvirt", domain.domain);
  } else if (!hostdev->guest_address) {
    attachment.problem = fmt::format("has no PCI address in domain {}", domain.domain);
  } else {
    attachment.path = PathTo(*hostdev->guest_address, ControllersOf(domain));
    attachment.address = hostdev->guest_address->ToString();
  }
  return attachment;
}

}  // namespace

const PciFunction* FollowPath(const BusPath& path, const PciEvidence& pci) {
  const PciFunction* above = nullptr;
  for (const BusPath::Slot& slot : path.slots) {
    const auto found = std::find_if(pci.functions.begin(), pci.functions.end(), [&](const PciFunction& one) {
      const bool on_bus = above != nullptr ? one.parent == above->address
                                           : !one.parent && one.address.domain == 0 && one.address.bus == path.root_bus;
      return on_bus && one.address.device == slot.device && one.address.function == slot.function;
    });
    if (found == pci.functions.end()) return nullptr;
    above = &*found;
  }
  return above;
}

const DomainInventory& DomainOnHost(const DiscoveredNode& domain) {
  const DomainInventory* found = Session::Get().HostRunning().FindDomain(domain.domain);
  if (found == nullptr) {
    throw EvidenceError(
        fmt::format("libvirt did not have domain {} any more when it was asked for "
                    "the host's side (evidence/host/running.json)",
                    domain.domain));
  }
  return *found;
}

GuestFunction FindGuestFunction(const DiscoveredNode& domain, const PlannedDevice& device, const PciEvidence& pci) {
  const Attachment attachment = AttachmentByDomainXml(domain, device);
  if (!attachment.problem.empty()) {
    return {nullptr, attachment.problem, fmt::format("evidence/host/{}.xml", domain.domain)};
  }
  if (const PciFunction* function = attachment.path ? FollowPath(*attachment.path, pci) : nullptr)
    return {function, "", ""};
  return {nullptr,
          fmt::format("is not on the node's PCI bus where libvirt attached it (address {} of the "
                      "domain's XML)",
                      attachment.address),
          pci.At(pci.last_line)};
}

}  // namespace passthrough
