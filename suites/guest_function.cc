#include "suites/guest_function.h"

#include <fmt/format.h>

#include "helpers/base/files.h"
#include "helpers/libvirt/pci_controllers.h"
#include "helpers/topology/guest_path.h"

namespace passthrough {
namespace {

// What `read` makes of the domain's XML.
template <typename Read>
auto FromDomainXml(const DiscoveredNode& domain, Read read) {
  const auto& run = Session::Get().run();
  if (!run) throw EvidenceError("there is no run whose evidence could be checked");
  const std::filesystem::path file = run->DomainXml(domain.domain);
  try {
    return read(ReadFile(file));
  } catch (const Error& error) {
    throw EvidenceError(fmt::format("{} is missing or broken: {}", run->Relative(file), error.what()));
  }
}

}  // namespace

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

const PciFunction& RequireGuestFunction(const PlannedNode& node, const DiscoveredNode& domain,
                                        const PlannedDevice& device, const std::string& name, const PciEvidence& pci) {
  const GuestFunction guest = FindGuestFunction(domain, device, pci);
  if (guest.function != nullptr) return *guest.function;
  throw EvidenceError(fmt::format("{}: not checked: {} {} ({})", node.name, name, guest.problem, guest.where));
}

std::set<const PciFunction*> EmulatedFunctions(const DiscoveredNode& domain, const PciEvidence& pci) {
  const std::vector<PciController> controllers = FromDomainXml(domain, ReadPciControllers);
  std::set<const PciFunction*> functions;
  for (const PciAddress& address : FromDomainXml(domain, ReadEmulatedFunctions)) {
    const auto path = PathTo(address, controllers);
    if (const PciFunction* const function = path ? FollowPath(*path, pci) : nullptr) functions.insert(function);
  }
  return functions;
}

GuestFunction FindGuestFunction(const DiscoveredNode& domain, const PlannedDevice& device, const PciEvidence& pci) {
  const Attachment attachment =
      AttachmentOf(device.host_address, DomainOnHost(domain), FromDomainXml(domain, ReadPciControllers));
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
