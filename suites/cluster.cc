// The ground that everything stands on: the VMs are the planned ones.
#include <fmt/format.h>

#include "fixtures/check.h"
#include "helpers/cluster/domain_advice.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/parsers/identity_evidence.h"

namespace passthrough {
namespace {

constexpr char kDiscovery[] = "evidence/discovery.json";

class Cluster : public ClusterCheck {};

PASSTHROUGH_CHECKS(Cluster, Clusters);

TEST_P(Cluster, HasNoUnplannedVm) {
  for (const std::string& domain : session().DiscoveredNodes().unplanned) {
    if (!domain.starts_with(cluster().name + "-")) continue;
    ReportFailure({.found = fmt::format("libvirt has a domain {} that the cluster file does not plan", domain),
                   .where = kDiscovery,
                   .advice = "Remove it if it is left from an earlier run, or add it to the cluster file."});
  }
}

class Node : public NodeCheck {
 protected:
  // Of a domain that was in the `expected` state before the probes ran: whether it was when the host was looked at.
  // Where the host's inventory is missing, the checks of the host say so.
  Findings StateWhenLookedAt(const DiscoveredNode& found, const std::string& expected) {
    const DomainInventory* on_host = nullptr;
    try {
      on_host = session().HostRunning().FindDomain(found.domain);
    } catch (const EvidenceError&) {
      return {};
    }
    if (on_host == nullptr || on_host->state == expected) return {};
    DiscoveredNode later = found;
    later.state = on_host->state;
    later.reason = "not known";
    return {{.found = fmt::format("domain {} was {}, and {} when the host was looked at", found.domain, expected,
                                  on_host->state),
             .where = "evidence/host/running.json",
             .advice = HowToBringDomain(later, expected, session().LibvirtUri(), !node().devices.empty())}};
  }
};

PASSTHROUGH_CHECKS(Node, AllNodes);

TEST_P(Node, IsThereAsPlanned) {
  const DiscoveredNode* found = session().DiscoveredNodes().Find(node().name);
  if (found == nullptr || found->domain.empty()) {
    ReportFailure({.found = fmt::format("libvirt has no domain {}", fmt::join(node().domain_names, " or ")),
                   .where = kDiscovery,
                   .advice = "The deployer did not make it, whatever it says: read cluster-start.log."});
    return;
  }
  const std::string expected = node().auto_start ? "running" : "shut off";
  if (found->state == expected) {
    ReportEach(StateWhenLookedAt(*found, expected));
    return;
  }
  ReportFailure({.found = fmt::format("domain {} is {}, expected {}", found->domain, found->state, expected),
                 .where = kDiscovery,
                 .advice = HowToBringDomain(*found, expected, session().LibvirtUri(), !node().devices.empty())});
}

class NodeIdentity : public NodeCheckOf<IdentityEvidence> {};

PASSTHROUGH_CHECKS(NodeIdentity, RunningNodes);

TEST_P(NodeIdentity, IsTheDomainItClaimsToBe) {
  const IdentityEvidence& identity = Parsed<IdentityEvidence>();
  if (identity.product_uuid.empty()) {
    ReportFailure({.found = "its DMI product UUID could not be read: " + identity.product_uuid_error,
                   .where = identity.At(identity.product_uuid_line),
                   .advice = "The SSH user needs sudo without a password for it."});
  } else if (identity.product_uuid != Domain().uuid) {
    ReportFailure({.found = fmt::format("the machine that answers at {} has UUID {}, but domain {} has {}",
                                        Domain().address, identity.product_uuid, Domain().domain, Domain().uuid),
                   .where = identity.At(identity.product_uuid_line),
                   .advice = "Another machine has this address: look for a stale DHCP lease or an address "
                             "that is used twice."});
  }
}

TEST_P(NodeIdentity, HasItsConfiguredAddress) {
  if (!node().address || Domain().address == *node().address) return;
  const std::string found = Domain().address.empty() ? "no address" : Domain().address;
  ReportFailure({.found = fmt::format("it has {} ({}), expected {}", found,
                                      Domain().address_source.empty() ? "no source knows one" : Domain().address_source,
                                      *node().address),
                 .where = kDiscovery,
                 .advice = "Look at the network's DHCP host entries: " +
                           VirshCommand(session().LibvirtUri(),
                                        {"net-dumpxml", session().plan().FindCluster(node().cluster)->network_name})});
}

}  // namespace
}  // namespace passthrough
