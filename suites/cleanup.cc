// After destroy: the host is as it was before.
#include <fmt/format.h>

#include <algorithm>

#include "fixtures/check.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr char kAfter[] = "evidence/host/after.json";

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
 protected:
  void SetUp() override {
    ClusterCheck::SetUp();
    session().ensure_torn_down();
  }
};

PASSTHROUGH_CHECKS(Cleanup, DestroyedClusters);

TEST_P(Cleanup, DestroySucceeded) {
  const TeardownReport& report = session().Teardown();
  if (report.destroy_error.empty()) return;
  Complain({.found = "the deployer's destroy failed: " + report.destroy_error,
            .where = "cluster-destroy.log",
            .advice = "What it left is named by the other Cleanup checks, and was removed."});
}

TEST_P(Cleanup, NoDomainRemains) {
  for (const std::string& name : DomainNamesOf(session().plan(), cluster())) {
    const DomainInventory* left = session().HostAfter().FindDomain(name);
    if (left == nullptr) continue;
    Complain({.found = fmt::format("domain {} is still there after destroy ({})", name, left->state),
              .where = kAfter,
              .advice = fmt::format("If it is there now: virsh destroy {}; virsh undefine {}.", name,
                                    name)});
  }
}

TEST_P(Cleanup, NoNetworkRemains) {
  const NetworkInventory* left = session().HostAfter().FindNetwork(cluster().network_name);
  if (left == nullptr) return;
  Complain({.found = fmt::format("network {} is still there after destroy, with {}", left->name,
                                 Count(left->leases.size(), "DHCP lease")),
            .where = kAfter,
            .advice = fmt::format("If it is there now: virsh net-destroy {}; virsh net-undefine {}.",
                                  left->name, left->name)});
}

TEST_P(Cleanup, NoPoolOrVolumeRemains) {
  for (const PoolInventory& pool : session().HostAfter().pools) {
    if (pool.name == cluster().pool_name) {
      Complain({.found = fmt::format("pool {} is still there after destroy, with {}", pool.name,
                                     Count(pool.volumes.size(), "volume")),
                .where = kAfter,
                .advice = fmt::format("If it is there now: virsh pool-destroy {}; virsh pool-undefine {}.",
                                      pool.name, pool.name)});
      continue;
    }
    for (const std::string& volume : pool.volumes) {
      if (!volume.starts_with(cluster().name + "-")) continue;
      const PoolInventory* before = session().HostBefore().FindPool(pool.name);
      const bool was_there = before != nullptr && std::count(before->volumes.begin(),
                                                             before->volumes.end(), volume) > 0;
      if (was_there) continue;
      Complain({.found = fmt::format("volume {} is still in pool {} after destroy", volume, pool.name),
                .where = kAfter,
                .advice = fmt::format("If it is there now: virsh vol-delete {} {}.", volume, pool.name)});
    }
  }
}

TEST_P(Cleanup, NoInterfaceRemains) {
  const std::vector<std::string>& before = session().HostBefore().interfaces;
  for (const std::string& interface : session().HostAfter().interfaces) {
    if (std::count(before.begin(), before.end(), interface) > 0) continue;
    Complain({.found = fmt::format("network interface {} is new on the host since before the run",
                                   interface),
              .where = kAfter,
              .advice = "A bridge or tap device of the cluster goes with its network or domain: look at "
                        "those first."});
  }
}

// What no other check here is about: objects of others, devices that were not passed through.
TEST_P(Cleanup, NothingElseOnTheHostChanged) {
  Inventory before = session().HostBefore();
  Inventory after = session().HostAfter();
  const Plan& plan = session().plan();
  for (Inventory* inventory : {&before, &after}) {
    inventory->interfaces.clear();
    for (const PlannedCluster& one : plan.clusters) {
      const auto names = DomainNamesOf(plan, one);
      std::erase_if(inventory->domains, [&](const DomainInventory& domain) {
        return std::count(names.begin(), names.end(), domain.name) > 0;
      });
      std::erase_if(inventory->networks,
                    [&](const auto& network) { return network.name == one.network_name; });
      std::erase_if(inventory->pools, [&](const auto& pool) { return pool.name == one.pool_name; });
    }
    std::erase_if(inventory->pci_devices, [&](const HostPciDevice& device) {
      return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlannedNode& node) {
        return std::any_of(node.devices.begin(), node.devices.end(), [&](const PlannedDevice& one) {
          return one.host_address == device.address;
        });
      });
    });
  }
  for (const std::string& difference : DescribeDifferences(before, after)) {
    Complain({.found = difference,
              .where = kAfter,
              .advice = "If nobody else was at work on this host, the deployer or its destroy did it."});
  }
}

class CleanupDevice : public DeviceCheck {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    session().ensure_torn_down();
  }
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
  Complain({.found = fmt::format("on the host, {} is {} after destroy, and was {} before", DeviceName(),
                                 driver(after), driver(before)),
            .where = kAfter,
            .advice = fmt::format("virsh nodedev-reattach pci_{} gives it back, once no VM has it.",
                                  [&] {
                                    std::string name = device().host_address.ToString();
                                    std::replace(name.begin(), name.end(), ':', '_');
                                    std::replace(name.begin(), name.end(), '.', '_');
                                    return name;
                                  }())});
}

}  // namespace
}  // namespace passthrough
