#include "helpers/cluster/host_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace passthrough {
namespace {

template <typename Object>
bool IsNamedAsOneOf(const std::vector<PlannedCluster>& clusters, const Object& object) {
  return std::any_of(clusters.begin(), clusters.end(), [&](const PlannedCluster& cluster) {
    return object.name == cluster.name || object.name.starts_with(cluster.name + "-");
  });
}

// Without what the plan names, which other checks are about.
Inventory BesideThePlan(const Plan& plan, Inventory inventory) {
  inventory.interfaces.clear();
  std::erase_if(inventory.domains, [&](const DomainInventory& domain) {
    return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlannedNode& node) {
      return std::count(node.domain_names.begin(), node.domain_names.end(), domain.name) > 0;
    });
  });
  for (const PlannedCluster& cluster : plan.clusters) {
    std::erase_if(inventory.networks, [&](const auto& one) { return one.name == cluster.network_name; });
    std::erase_if(inventory.pools, [&](const auto& one) { return one.name == cluster.pool_name; });
  }
  std::erase_if(inventory.pci_devices, [&](const HostPciDevice& device) {
    return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlannedNode& node) {
      return std::any_of(node.devices.begin(), node.devices.end(),
                         [&](const PlannedDevice& planned) { return planned.host_address == device.address; });
    });
  });
  return inventory;
}

bool IsBesideAPlannedOne(const Plan& plan, const HostPciDevice& device) {
  const auto is_near = [&](const PciAddress& planned) {
    PciAddress slot = planned;
    slot.function = device.address.function;
    const auto& group = device.iommu_group_members;
    return slot == device.address || std::count(group.begin(), group.end(), planned) > 0;
  };
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlannedNode& node) {
    return std::any_of(node.devices.begin(), node.devices.end(),
                       [&](const PlannedDevice& planned) { return is_near(planned.host_address); });
  });
}

// The half of `inventory` that is the clusters', or the other one.
Inventory Half(const Plan& plan, Inventory inventory, bool of_the_clusters) {
  const auto erase = [&](auto& objects) {
    std::erase_if(objects, [&](const auto& one) { return IsNamedAsOneOf(plan.clusters, one) != of_the_clusters; });
  };
  if (of_the_clusters) inventory.hypervisor = inventory.hostname = "";
  erase(inventory.domains);
  erase(inventory.networks);
  erase(inventory.pools);
  std::erase_if(inventory.pci_devices,
                [&](const HostPciDevice& device) { return IsBesideAPlannedOne(plan, device) != of_the_clusters; });
  return inventory;
}

}  // namespace

HostChanges ChangesBesideThePlan(const Plan& plan, const Inventory& before, const Inventory& after) {
  const Inventory then = BesideThePlan(plan, before);
  const Inventory now = BesideThePlan(plan, after);
  return {DescribeDifferences(Half(plan, then, true), Half(plan, now, true)),
          DescribeDifferences(Half(plan, then, false), Half(plan, now, false))};
}

HostChanges NewInterfaces(const Plan& plan, const PlannedCluster& cluster, const Inventory& before,
                          const Inventory& running, const Inventory& after) {
  const auto bridges_of = [&](const PlannedCluster& one) {
    std::set<std::string> bridges{one.bridge};
    for (const Inventory* look : {&running, &after}) {
      const NetworkInventory* network = look->FindNetwork(one.network_name);
      if (network != nullptr) bridges.insert(network->bridge);
    }
    return bridges;
  };
  std::set<std::string> of_all;
  for (const PlannedCluster& one : plan.clusters) of_all.merge(bridges_of(one));
  const std::set<std::string> of_this = bridges_of(cluster);
  const bool domains_remain = BesideThePlan(plan, after).domains.size() < after.domains.size();
  HostChanges changes;
  for (const std::string& interface : after.interfaces) {
    if (std::count(before.interfaces.begin(), before.interfaces.end(), interface) > 0) continue;
    const bool is_ours = of_this.contains(interface);
    if (!is_ours && (of_all.contains(interface) || (domains_remain && interface.starts_with("vnet")))) continue;
    (is_ours ? changes.of_the_clusters : changes.of_others)
        .push_back(fmt::format("network interface {} is new on the host since before the run", interface));
  }
  return changes;
}

}  // namespace passthrough
