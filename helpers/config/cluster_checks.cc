#include "helpers/config/cluster_checks.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

namespace passthrough {
namespace {

std::string ClusterField(const ClusterConfig& cluster, std::string_view key) {
  return fmt::format("clusters.{}.{}", ToString(cluster.kind), key);
}

// Who claimed something first.
struct Claim {
  std::string field;
  SourcePosition where;
  std::string node;
};

std::string AddressField(const NodeConfig& node) {
  const bool controller = node.role == NodeRole::kController || node.role == NodeRole::kControlPlane;
  return node.field + (controller ? ".ip_address" : ".ip");
}

void CheckDevices(const ClusterFile& file, ProblemList& problems) {
  std::map<PciAddress, Claim> claims;
  for (const ClusterConfig& cluster : file.clusters) {
    for (const NodeConfig& node : cluster.nodes) {
      if (!node.passthrough_enabled || !node.auto_start) continue;
      std::map<PciAddress, Claim> of_this_node;
      for (const DeviceConfig& device : node.devices) {
        const auto other = claims.find(device.pci_address);
        if (other == claims.end()) {
          of_this_node.emplace(device.pci_address, Claim{device.field, device.where, node.field});
          continue;
        }
        const bool counted = other->second.node == node.field;
        problems.problems.push_back(
            {device.where, device.field,
             fmt::format("is {}, which {} claims too (line {}, column {}); a PCI device can be in "
                         "one running node only: {}",
                         device.pci_address.ToString(),
                         counted ? "each other node of this \"count\"" : other->second.field, other->second.where.line,
                         other->second.where.column,
                         counted ? "have \"count: 1\", or list the nodes with a device each"
                                 : "change one, or set \"auto_start: false\" on one of the nodes")});
      }
      claims.merge(of_this_node);
    }
  }
}

// Why `address` cannot be a node's in this network, empty if it can.
std::string AddressFault(uint32_t address, const Ipv4Subnet& subnet) {
  if (!subnet.Contains(address)) {
    return fmt::format("is outside the cluster's network {}", subnet.ToString());
  }
  if (address == subnet.network) return "is the address of the network itself";
  if (address == subnet.Broadcast()) return "is the network's broadcast address";
  if (address == subnet.Gateway()) {
    return "is the network's gateway: the first address belongs to the host";
  }
  return "";
}

void CheckAddresses(const ClusterFile& file, ProblemList& problems) {
  std::map<uint32_t, const NodeConfig*> owners;
  for (const ClusterConfig& cluster : file.clusters) {
    const Ipv4Subnet& subnet = cluster.network.subnet;
    for (const NodeConfig& node : cluster.nodes) {
      const auto address = node.ip ? ParseIpv4(*node.ip) : std::nullopt;
      if (!address) continue;
      const bool has_subnet = cluster.network.subnet_where.line != 0;
      const std::string fault = has_subnet ? AddressFault(*address, subnet) : "";
      if (!fault.empty()) {
        problems.problems.push_back(
            {node.ip_where, AddressField(node),
             fmt::format("is {}, which {}; must be from {} to {}", *node.ip, fault, Ipv4ToString(subnet.Gateway() + 1),
                         Ipv4ToString(subnet.Broadcast() - 1))});
      }
      const auto [owner, first] = owners.emplace(*address, &node);
      if (first) continue;
      problems.problems.push_back(
          {node.ip_where, AddressField(node),
           fmt::format("is {}, which {} has too (line {}, column {}); must be an address of its own", *node.ip,
                       AddressField(*owner->second), owner->second->ip_where.line, owner->second->ip_where.column)});
    }
  }
}

void CheckClusterPair(const ClusterConfig& first, const ClusterConfig& second, ProblemList& problems) {
  const auto add = [&](const SourcePosition& where, std::string_view key, std::string message) {
    problems.problems.push_back({where, ClusterField(second, key), std::move(message)});
  };
  if (!first.name.empty() && first.name == second.name) {
    add(second.name_where, "name",
        fmt::format("is \"{}\", which {} is too (line {}); must differ: VMs and networks are named "
                    "after it",
                    second.name, ClusterField(first, "name"), first.name_where.line));
  }
  const NetworkConfig& one = first.network;
  const NetworkConfig& other = second.network;
  if (!one.bridge.empty() && one.bridge == other.bridge) {
    add(other.bridge_where, "network.bridge",
        fmt::format("is \"{}\", which {} is too (line {}); must differ", other.bridge,
                    ClusterField(first, "network.bridge"), one.bridge_where.line));
  }
  const bool both = one.subnet_where.line != 0 && other.subnet_where.line != 0;
  if (both && one.subnet.Overlaps(other.subnet)) {
    add(other.subnet_where, "network.subnet",
        fmt::format("is {}, which overlaps {} of {} (line {}); must be a network of its own", other.subnet.ToString(),
                    one.subnet.ToString(), ClusterField(first, "network.subnet"), one.subnet_where.line));
  }
}

}  // namespace

void CheckTogether(const ClusterFile& file, ProblemList& problems) {
  CheckDevices(file, problems);
  CheckAddresses(file, problems);
  for (size_t i = 0; i < file.clusters.size(); ++i) {
    for (size_t j = i + 1; j < file.clusters.size(); ++j) {
      CheckClusterPair(file.clusters[i], file.clusters[j], problems);
    }
  }
}

}  // namespace passthrough
