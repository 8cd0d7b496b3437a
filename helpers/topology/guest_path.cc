#include "helpers/topology/guest_path.h"

#include <fmt/format.h>

#include <algorithm>

namespace passthrough {
namespace {

// `depth` bounds a chain of bridges.
std::optional<BusPath> PathBelow(const PciAddress& address, const std::vector<PciController>& controllers, int depth) {
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
  std::optional<BusPath> path = PathBelow(*bridge->address, controllers, depth + 1);
  if (path) path->slots.push_back(slot);
  return path;
}

}  // namespace

std::string ToText(const BusPath& path) {
  std::string text = fmt::format("{:02x}", path.root_bus);
  for (const BusPath::Slot& slot : path.slots) text += fmt::format("/{:02x}.{:x}", slot.device, slot.function);
  return text;
}

std::optional<BusPath> PathTo(const PciAddress& address, const std::vector<PciController>& controllers) {
  return PathBelow(address, controllers, 0);
}

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

Attachment AttachmentOf(const PciAddress& device, const DomainInventory& domain,
                        const std::vector<PciController>& controllers) {
  const auto hostdev = std::find_if(domain.hostdevs.begin(), domain.hostdevs.end(),
                                    [&](const DomainHostdev& one) { return one.host_address == device; });
  Attachment attachment;
  if (hostdev == domain.hostdevs.end()) {
    attachment.problem = fmt::format("is not attached to domain {} by libvirt", domain.name);
  } else if (!hostdev->guest_address) {
    attachment.problem = fmt::format("has no PCI address in domain {}", domain.name);
  } else {
    attachment.path = PathTo(*hostdev->guest_address, controllers);
    attachment.address = hostdev->guest_address->ToString();
  }
  return attachment;
}

}  // namespace passthrough
