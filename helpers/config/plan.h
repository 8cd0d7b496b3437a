// What the cluster file promises: which nodes, at which addresses, with which devices. Made from the
// file alone; nothing here asks a machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/config/cluster_file.h"

namespace passthrough {

// Hypervisor-side name rules differ between ai-how's releases; see PlannedNode::domain_names.
enum class ClusterKind { kHpc, kCloud };
enum class NodeRole { kController, kCompute, kControlPlane, kCpuWorker, kGpuWorker };

std::string_view ToString(ClusterKind kind);  // "hpc", "cloud"
std::string_view ToString(NodeRole role);     // "controller", "compute", "control_plane", …

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
  // The libvirt domain names that this node may have, the one that the project's own deployer gives
  // first: "…-compute-01", then the seed's "…-compute-0".
  std::vector<std::string> domain_names;
  std::optional<std::string> address;  // IPv4; absent for DHCP
  int cpu_cores = 1;
  int memory_gb = 1;  // GiB, as ai-how reads the file's memory_gb
  int disk_gb = 10;   // GiB
  std::string base_image_path;  // as written in the file; empty where neither node nor cluster has one
  bool auto_start = true;       // false: defined, not started
  std::vector<PlannedDevice> devices;  // empty unless pcie_passthrough.enabled
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
  std::string subnet;        // "192.168.140.0/24"
  std::string bridge;        // "virbr140"
};

struct Plan {
  std::string config_path;  // absolute
  std::string name;         // metadata.name
  std::vector<PlannedCluster> clusters;
  std::vector<PlannedNode> nodes;  // in the file's order; names are unique

  // nullptr where there is none.
  const PlannedNode* FindNode(std::string_view node_name) const;
  // Nodes that are running after create: auto_start is true.
  std::vector<const PlannedNode*> RunningNodes() const;
  size_t GpuCount() const;
};

// Never throws for a file that LoadClusterFile accepted.
Plan MakePlan(const ClusterFile& file);

}  // namespace passthrough
