#include "lab/host/lab_nodes.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/config/plan.h"
#include "helpers/libvirt/connection.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_guest.h"
#include "lab/host/lab_start.h"

namespace passthrough {
namespace {

const PlannedNode* FindNode(const Plan& plan, const std::string& name) {
  for (const PlannedNode& node : plan.nodes) {
    if (node.name == name) return &node;
    for (const std::string& domain : node.domain_names) {
      if (domain == name) return &node;
    }
  }
  return nullptr;
}

// Asks the lab's libvirt. `domains`: the names that the domain may have.
std::string AddressOf(const std::vector<std::string>& domains, const LabPaths& paths, const Deadline& deadline) {
  LibvirtConnection connection =
      LibvirtConnection::Open(LabLibvirtUri(paths), Deadline::After(std::chrono::seconds(30)));
  for (const std::string& domain : domains) {
    if (!connection.DomainState(domain)) continue;
    std::optional<std::string> address;
    WaitFor(
        deadline, fmt::format("domain {}: its address", domain),
        [&](std::string*) -> std::optional<bool> {
          const auto addresses = connection.DomainAddresses(domain);
          if (addresses.empty()) return std::nullopt;
          address = addresses.front().ip;
          return true;
        },
        std::chrono::seconds(1));
    return *address;
  }
  std::vector<std::string> present = connection.DomainNames();
  throw Error(fmt::format("the lab has no domain {}; it has {}", Printable(domains.front()),
                          present.empty() ? "none" : JoinForHumans(present)));
}

std::string AddressOfNode(const std::string& name, const LabPaths& paths, const LabRecord& record,
                          const Deadline& deadline) {
  const Plan plan = MakePlan(LoadClusterFile(record.cluster_file));
  const PlannedNode* const node = FindNode(plan, name);
  if (node != nullptr && node->address) return *node->address;
  return AddressOf(node != nullptr ? node->domain_names : std::vector<std::string>{name}, paths, deadline);
}

}  // namespace

std::string WaitForNode(const std::string& name, const LabPaths& paths, const LabRecord& record) {
  const Deadline deadline = Deadline::After(std::chrono::minutes(5));
  const std::string address = AddressOfNode(name, paths, record, deadline);
  const auto still_alive = [&] {
    if (!MachineRuns(record)) throw Error("lab host: QEMU ended");
  };
  LabGuest guest = LabGuest::Connect(record.ssh_port, LabKey(record), paths.known_hosts(), still_alive,
                                     deadline.OrAfter(std::chrono::minutes(1)));
  if (guest.Greets(address, deadline)) return address;
  fmt::print(stderr, "waiting for {} ({}) to answer …\n", name, address);
  WaitFor(
      deadline, fmt::format("{} ({}): its SSH server", name, address),
      [&](std::string*) -> std::optional<bool> {
        if (!guest.Greets(address, deadline)) return std::nullopt;
        return true;
      },
      std::chrono::seconds(1));
  return address;
}

}  // namespace passthrough
