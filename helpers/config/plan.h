// What the cluster file promises: which nodes, at which addresses, with which devices. Made from
// the file alone; nothing here asks a machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/pci_address.h"
#include "helpers/config/cluster_file.h"

namespace passthrough {

// One PCI function that the cluster file passes to a node.
struct PlannedDevice {
  PciAddress host_address;  // where it is on the host
  DeviceType type = DeviceType::kOther;
  std::optional<uint16_t> vendor_id;  // absent where the file does not say
  std::optional<uint16_t> device_id;
  std::optional<int> iommu_group;  // "these belong together": the number is the host's to choose
  SourcePosition where;            // of pci_address in the cluster file
};

// One virtual machine.
struct PlannedNode {
  std::string name;     // "hpc_compute_01": by its place in the file; letters, digits and '_' only
  std::string cluster;  // the cluster's name in the file: "test-hpc-pcie-minimal"
  ClusterKind kind = ClusterKind::kHpc;
  NodeRole role = NodeRole::kCompute;
  int number = 1;  // counts from 1 within its role
  // The libvirt domain names that this node may have, for releases of ai-how differ: the one that
  // the project's own deployer gives first, "…-compute-01", then the older "…-compute-0". No two
  // nodes of a plan share one: where a role has more than ten nodes, the older spelling of one
  // would be the newer spelling of another, and only the newer is listed.
  std::vector<std::string> domain_names;
  std::optional<std::string> address;  // IPv4; absent for DHCP
  int cpu_cores = 1;
  int memory_gb = 1;                   // GiB, as ai-how reads the file's memory_gb
  int disk_gb = 10;                    // GiB
  std::string base_image_path;         // as written in the file; empty where neither node nor cluster has one
  bool auto_start = true;              // false: defined, not started
  std::vector<PlannedDevice> devices;  // empty unless pcie_passthrough.enabled
  std::vector<VirtioFsMount> virtio_fs_mounts;
  SourcePosition where;

  // The devices of `type`, in the file's order.
  std::vector<PlannedDevice> DevicesOfType(DeviceType type) const;
  size_t GpuCount() const { return DevicesOfType(DeviceType::kGpu).size(); }
};

// One of the file's clusters: a network, a pool, and nodes.
struct PlannedCluster {
  std::string name;
  ClusterKind kind = ClusterKind::kHpc;
  std::string network_name;  // "<name>-network"
  std::string pool_name;     // "<name>-pool"
  Ipv4Subnet subnet;         // 192.168.140.0/24
  std::string bridge;        // "virbr140"
  Acceleration acceleration;

  // Addresses of the network, as text: the host's own (the first: "192.168.140.1"), the mask
  // ("255.255.255.0"), and the range that DHCP may give out: all but the host's own.
  std::string Gateway() const;
  std::string Netmask() const;
  std::string FirstDhcpAddress() const;
  std::string LastDhcpAddress() const;
};

struct Plan {
  std::string config_path;  // absolute
  std::string name;         // metadata.name
  std::vector<PlannedCluster> clusters;
  std::vector<PlannedNode> nodes;  // in the file's order; names are unique
  // Of the cluster file, for people, each with its place: what was accepted and is worth a word, and what ai-how
  // refuses of it.
  std::vector<std::string> notes;
  std::vector<std::string> ai_how_refuses;
  std::map<std::string, std::string> variables;  // what the file's variables stood for

  // nullptr where there is none.
  const PlannedNode* FindNode(std::string_view node_name) const;
  const PlannedCluster* FindCluster(std::string_view cluster_name) const;
  // The nodes of one cluster, in the file's order.
  std::vector<const PlannedNode*> NodesOf(const PlannedCluster& cluster) const;
  // Nodes that are running after create: auto_start is true.
  std::vector<const PlannedNode*> RunningNodes() const;
  size_t GpuCount() const;
};

// "hpc", "cloud" or "both": what the placeholder {clusters} of a profile stands for.
std::string ClustersWord(const Plan& plan);

// Never throws for a file that LoadClusterFile accepted.
Plan MakePlan(const ClusterFile& file);

}  // namespace passthrough
