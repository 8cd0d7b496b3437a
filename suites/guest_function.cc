#include "suites/guest_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/files.h"
#include "helpers/libvirt/pci_controllers.h"

namespace passthrough {
namespace {

std::vector<PciController> ControllersOf(const DiscoveredNode& domain) {
  const auto& run = Session::Get().run();
  if (!run) throw EvidenceError("there is no run whose evidence could be judged");
  const std::filesystem::path file = run->DomainXml(domain.domain);
  try {
    return ReadPciControllers(ReadFile(file));
  } catch (const Error& error) {
    throw EvidenceError(
        fmt::format("{} is missing or broken: {}", run->Relative(file), error.what()));
  }
}

// The function that is on the root bus of `expander`: pxb-pcie makes no bridge above it, but a root bus of its own
// (https://libvirt.org/formatdomain.html#controllers, pcie-expander-bus).
const PciFunction* OnExpander(const PciController& expander, const PciAddress& address, const PciEvidence& pci) {
  if (!expander.bus_number) return nullptr;
  const auto found = std::find_if(pci.functions.begin(), pci.functions.end(), [&](const PciFunction& one) {
    return !one.parent && one.address.bus == *expander.bus_number && one.address.device == address.device &&
           one.address.function == address.function;
  });
  return found != pci.functions.end() ? &*found : nullptr;
}

// The function in the node that has `address` in the domain's XML. `depth` bounds a chain of bridges.
const PciFunction* Resolve(const PciAddress& address, const std::vector<PciController>& controllers,
                           const PciEvidence& pci, int depth = 0) {
  if (address.bus == 0) return pci.Find(address);  // the root complex is bus 0 on both sides
  const auto bridge = std::find_if(controllers.begin(), controllers.end(),
                                   [&](const PciController& one) { return one.index == address.bus; });
  if (bridge == controllers.end()) return nullptr;
  if (bridge->model == "pcie-expander-bus") return OnExpander(*bridge, address, pci);
  if (!bridge->address || depth > 8) return nullptr;
  const PciFunction* above = Resolve(*bridge->address, controllers, pci, depth + 1);
  if (above == nullptr) return nullptr;
  for (const PciFunction& function : pci.functions) {
    if (function.parent == above->address && function.address.device == address.device &&
        function.address.function == address.function) {
      return &function;
    }
  }
  return nullptr;
}

}  // namespace

const DomainInventory& DomainOnHost(const DiscoveredNode& domain) {
  const DomainInventory* found = Session::Get().HostRunning().FindDomain(domain.domain);
  if (found == nullptr) {
    throw EvidenceError(fmt::format("libvirt did not have domain {} any more when it was asked for "
                                    "the host's side (evidence/host/running.json)",
                                    domain.domain));
  }
  return *found;
}

GuestFunction FindGuestFunction(const DiscoveredNode& domain, const PlannedDevice& device,
                                const PciEvidence& pci) {
  const std::string xml = fmt::format("evidence/host/{}.xml", domain.domain);
  const DomainInventory& on_host = DomainOnHost(domain);
  const auto hostdev = std::find_if(
      on_host.hostdevs.begin(), on_host.hostdevs.end(),
      [&](const DomainHostdev& one) { return one.host_address == device.host_address; });
  if (hostdev == on_host.hostdevs.end()) {
    return {nullptr, fmt::format("is not attached to domain {} by libvirt", domain.domain), xml};
  }
  if (!hostdev->guest_address) {
    return {nullptr, fmt::format("has no PCI address in domain {}", domain.domain), xml};
  }
  if (const PciFunction* function = Resolve(*hostdev->guest_address, ControllersOf(domain), pci)) {
    return {function, "", ""};
  }
  return {nullptr,
          fmt::format("is not on the node's PCI bus where libvirt attached it (address {} of the "
                      "domain's XML)",
                      hostdev->guest_address->ToString()),
          pci.At(pci.last_line)};
}

}  // namespace passthrough
