#include "helpers/cluster/domain_problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

const DomainHostdev* Find(const std::vector<DomainHostdev>& hostdevs, const PciAddress& address) {
  const auto found = std::find_if(hostdevs.begin(), hostdevs.end(),
                                  [&](const DomainHostdev& one) { return one.host_address == address; });
  return found == hostdevs.end() ? nullptr : &*found;
}

std::string NetworkOf(const DomainInventory& domain, size_t interface) {
  return interface < domain.networks.size() ? domain.networks[interface] : std::string();
}

bool MayMeet(const std::string& network, const std::string& other) {
  return network.empty() || other.empty() || network == other;
}

}  // namespace

std::vector<DomainProblem> DefinitionProblems(const PlannedNode& node, const DomainInventory& domain,
                                              const std::string& uri) {
  std::vector<DomainProblem> problems;
  if (node.devices.empty()) return problems;
  if (!domain.persistent) {
    problems.push_back({.found = fmt::format("domain {} is transient: it has no definition, and with the domain its "
                                             "devices are gone once it stops",
                                             domain.name),
                        .advice = fmt::format("To keep it, define it from its own XML: {}",
                                              VirshCommand(uri, {"dumpxml", "--inactive", domain.name})),
                        .note = true});
    return problems;
  }
  if (!domain.defined_hostdevs) return problems;
  const std::string how = VirshCommand(uri, {"dumpxml", "--inactive", domain.name});
  for (const PlannedDevice& device : node.devices) {
    const DomainHostdev* const now = Find(domain.hostdevs, device.host_address);
    const DomainHostdev* const defined = Find(*domain.defined_hostdevs, device.host_address);
    const std::string address = device.host_address.ToString();
    if (now != nullptr && defined == nullptr) {
      problems.push_back(
          {.found = fmt::format("domain {} has {} now and not in its definition: it is gone when the domain starts the "
                                "next time",
                                domain.name, address),
           .advice = fmt::format("Attach it with --config, too. To see the definition: {}", how)});
    } else if (now != nullptr && now->managed != defined->managed) {
      problems.push_back(
          {.found = fmt::format("domain {} has {} with managed='{}' now, and '{}' in its definition", domain.name,
                                address, now->managed ? "yes" : "no", defined->managed ? "yes" : "no"),
           .advice = fmt::format("With 'no', nobody binds it to vfio-pci before the next start. To see the "
                                 "definition: {}",
                                 how),
           .note = true});
    }
  }
  for (const DomainHostdev& defined : *domain.defined_hostdevs) {
    const bool planned = std::any_of(node.devices.begin(), node.devices.end(), [&](const PlannedDevice& one) {
      return one.host_address == defined.host_address;
    });
    if (planned || Find(domain.hostdevs, defined.host_address) != nullptr) continue;
    problems.push_back(
        {.found = fmt::format("domain {} gets {} when it starts the next time, which is not planned for it",
                              domain.name, defined.host_address.ToString()),
         .advice = fmt::format("To see the definition: {}", how)});
  }
  return problems;
}

std::vector<DomainProblem> SharedMacProblems(const DomainInventory& domain, const Inventory& host,
                                             const std::string& uri) {
  std::vector<DomainProblem> problems;
  for (size_t i = 0; i < domain.mac_addresses.size(); ++i) {
    const std::string& mac = domain.mac_addresses[i];
    for (const DomainInventory& other : host.domains) {
      for (size_t j = 0; j < other.mac_addresses.size(); ++j) {
        if (other.mac_addresses[j] != mac || !MayMeet(NetworkOf(domain, i), NetworkOf(other, j))) continue;
        if (other.name == domain.name && j <= i) continue;
        if (other.name == domain.name) {
          problems.push_back({.found = fmt::format("domain {} has two interfaces with MAC {}", domain.name, mac),
                              .advice = "Give one of them another."});
          continue;
        }
        problems.push_back({.found = fmt::format(
                                "domain {} ({}) has MAC {} of domain {}, too: DHCP gives both one address, and what is "
                                "sent to one of them may reach the other",
                                other.name, other.state, mac, domain.name),
                            .advice = fmt::format(
                                "A copy of a domain needs a MAC of its own: leave <mac> out, and libvirt makes one. To "
                                "change it: {}",
                                VirshCommand(uri, {"edit", other.name}))});
      }
    }
  }
  return problems;
}

}  // namespace passthrough
