// After destroy: the host is as it was before.
#include <fmt/format.h>

#include <algorithm>

#include "fixtures/check.h"
#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/cluster/host_changes.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

constexpr char kAfter[] = "evidence/host/after.json";
constexpr char kIfThere[] = "If it is there now: ";

// As libvirt names node devices: pci_0000_01_00_0.
std::string NodeDeviceName(const PciAddress& address) {
  std::string name = "pci_" + address.ToString();
  std::replace(name.begin(), name.end(), ':', '_');
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

// Of the plan's names, those that belong to one cluster.
std::vector<std::string> DomainNamesOf(const Plan& plan, const PlannedCluster& cluster) {
  std::vector<std::string> names;
  for (const PlannedNode& node : plan.nodes) {
    if (node.cluster != cluster.name) continue;
    names.insert(names.end(), node.domain_names.begin(), node.domain_names.end());
  }
  return names;
}

class Cleanup : public ClusterCheck {
 public:
  static constexpr RunStep kStep = RunStep::kTeardown;

 protected:
  // Nobody but this run is at work on a lab's host; on any other, what others do there is no fault of the cluster's.
  void ReportChanges(const HostChanges& changes, const std::string& advice) {
    for (const std::string& change : changes.of_the_clusters) ReportFailure({change, kAfter, advice});
    for (const std::string& change : changes.of_others) {
      if (session().EmulatedDevices()) {
        ReportFailure({change, kAfter, advice});
      } else {
        of_others_ += (of_others_.empty() ? "" : "; ") + change;
      }
    }
  }
  // Every report shows it as not checked, none as passed.
  void ExcuseIfOthersWereAtWork() {
    if (of_others_.empty()) return;
    GTEST_SKIP() << cluster().name << ": others seem to have been at work on this host, for by name and place this "
                 << "is not the cluster's: " << of_others_ << " (" << kAfter << ")";
  }

 private:
  std::string of_others_;
};

PASSTHROUGH_CHECKS(Cleanup, DestroyedClusters);

TEST_P(Cleanup, DestroySucceeded) {
  const TeardownReport& report = session().Teardown();
  if (report.destroy_error.empty()) return;
  ReportFailure({.found = "the deployer's destroy failed: " + report.destroy_error,
                 .where = "cluster-destroy.log",
                 .advice = "What it left is named by the other Cleanup checks, and was removed."});
}

TEST_P(Cleanup, NoDomainRemains) {
  for (const std::string& name : DomainNamesOf(session().plan(), cluster())) {
    const DomainInventory* left = session().HostAfter().FindDomain(name);
    if (left == nullptr) continue;
    ReportFailure({.found = fmt::format("domain {} is still there after destroy ({})", name, left->state),
                   .where = kAfter,
                   .advice = kIfThere + VirshToRemoveDomain(session().LibvirtUri(), name)});
  }
}

TEST_P(Cleanup, NoNetworkRemains) {
  const NetworkInventory* left = session().HostAfter().FindNetwork(cluster().network_name);
  if (left == nullptr) return;
  ReportFailure({.found = fmt::format("network {} is still there after destroy, with {}", left->name,
                                      Count(left->leases.size(), "DHCP lease")),
                 .where = kAfter,
                 .advice = kIfThere + VirshToRemoveNetwork(session().LibvirtUri(), left->name)});
}

TEST_P(Cleanup, NoPoolOrVolumeRemains) {
  const std::string& uri = session().LibvirtUri();
  for (const PoolInventory& pool : session().HostAfter().pools) {
    if (pool.name == cluster().pool_name) {
      ReportFailure({.found = fmt::format("pool {} is still there after destroy, with {}", pool.name,
                                          Count(pool.volumes.size(), "volume")),
                     .where = kAfter,
                     .advice = kIfThere + VirshToRemovePool(uri, pool.name)});
      continue;
    }
    for (const std::string& volume : pool.volumes) {
      if (!volume.starts_with(cluster().name + "-")) continue;
      const PoolInventory* before = session().HostBefore().FindPool(pool.name);
      const bool was_there =
          before != nullptr && std::count(before->volumes.begin(), before->volumes.end(), volume) > 0;
      if (was_there) continue;
      ReportFailure({.found = fmt::format("volume {} is still in pool {} after destroy", volume, pool.name),
                     .where = kAfter,
                     .advice = kIfThere + VirshCommand(uri, {"vol-delete", "--pool", pool.name, volume})});
    }
  }
}

TEST_P(Cleanup, NoInterfaceRemains) {
  Inventory running;  // the run may have ended before it looked
  try {
    running = session().HostRunning();
  } catch (const EvidenceError&) {
  }
  ReportChanges(NewInterfaces(session().plan(), cluster(), session().HostBefore(), running, session().HostAfter()),
                "A bridge or tap device of the cluster goes with its network or domain: look at those first.");
  if (!session().HostBefore().lists_bridges || !session().HostAfter().lists_bridges) {
    ReportEach({{.found = "a bridge that remains would not be seen, for libvirt on the host lists none",
                 .where = kAfter,
                 .advice = "Install its interface driver there (libvirt-daemon-driver-interface) and restart it.",
                 .note = true}});
  }
  ExcuseIfOthersWereAtWork();
}

// What no other check here is about: objects that the plan does not name, devices that were not passed through.
TEST_P(Cleanup, NothingElseOnTheHostChanged) {
  ReportChanges(ChangesBesideThePlan(session().plan(), session().HostBefore(), session().HostAfter()),
                "If nobody else was at work on this host, the deployer or its destroy did it.");
  ExcuseIfOthersWereAtWork();
}

class CleanupDevice : public DeviceCheck {
 public:
  static constexpr RunStep kStep = RunStep::kTeardown;
};

PASSTHROUGH_CHECKS(CleanupDevice, ReturnedDevices);

TEST_P(CleanupDevice, IsBackOnItsDriver) {
  const HostPciDevice* before = session().HostBefore().FindPciDevice(device().host_address);
  const HostPciDevice* after = session().HostAfter().FindPciDevice(device().host_address);
  const auto driver = [](const HostPciDevice* one) {
    if (one == nullptr) return std::string("gone from the bus");
    return one->driver.empty() ? std::string("bound to no driver") : "bound to " + one->driver;
  };
  if (before != nullptr && after != nullptr && before->driver == after->driver) return;
  ReportFailure(
      {.found = fmt::format("on the host, {} is {} after destroy, and was {} before", DeviceName(), driver(after),
                            driver(before)),
       .where = kAfter,
       .advice = "To give it back, once no VM has it: " +
                 VirshCommand(session().LibvirtUri(), {"nodedev-reattach", NodeDeviceName(device().host_address)})});
}

}  // namespace
}  // namespace passthrough
