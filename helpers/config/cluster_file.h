// A cluster file in ai-how's schema (version "1.0"), read whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/pci_address.h"
#include "helpers/yaml/config_error.h"

namespace passthrough {

enum class ClusterKind { kHpc, kCloud };
enum class NodeRole { kController, kCompute, kControlPlane, kCpuWorker, kGpuWorker };
enum class DeviceType { kGpu, kAudio, kNetwork, kStorage, kOther };

std::string_view ToString(ClusterKind kind);  // "hpc", "cloud"
std::string_view ToString(NodeRole role);     // "controller", "compute", "control_plane", …
std::string_view ToString(DeviceType type);   // "gpu", "audio", …

// One entry of pcie_passthrough.devices.
struct DeviceConfig {
  PciAddress pci_address;
  DeviceType device_type = DeviceType::kOther;
  std::optional<uint16_t> vendor_id;
  std::optional<uint16_t> device_id;
  std::optional<int> iommu_group;
  std::string field;     // "clusters.hpc.compute_nodes[0].pcie_passthrough.devices[0].pci_address"
  SourcePosition where;  // of pci_address
};

// One entry of virtio_fs_mounts: a directory of the host that is mounted in the node.
struct VirtioFsMount {
  std::string tag;
  std::string host_path;
  std::string mount_point;
  bool readonly = false;
};

// One virtual machine. A map with `count` stands for that many of these.
struct NodeConfig {
  NodeRole role = NodeRole::kCompute;
  int cpu_cores = 1;
  int memory_gb = 1;                  // GiB, as ai-how reads it
  int disk_gb = 10;                   // GiB
  std::optional<std::string> ip;      // IPv4; absent for DHCP
  bool passthrough_enabled = false;   // pcie_passthrough.enabled
  std::vector<DeviceConfig> devices;  // as listed, also where passthrough is not enabled
  std::optional<std::string> base_image_path;
  std::vector<VirtioFsMount> virtio_fs_mounts;
  bool auto_start = true;  // false: defined, not started
  std::string field;       // "clusters.hpc.compute_nodes[0]"
  SourcePosition where;
  SourcePosition ip_where;  // of ip or ip_address
};

struct NetworkConfig {
  Ipv4Subnet subnet;   // the host part is 0
  std::string bridge;  // at most 15 characters (IFNAMSIZ of linux/if.h)
  SourcePosition subnet_where;
  SourcePosition bridge_where;
};

struct CpuTopology {
  int sockets = 1;
  int cores = 1;
  int threads = 1;
};

// hardware.acceleration. What the file does not say is absent.
struct Acceleration {
  std::optional<bool> enable_kvm;
  std::optional<bool> enable_nested;
  std::optional<std::string> cpu_model;   // host, host-passthrough, host-model, qemu64
  std::vector<std::string> cpu_features;  // "+avx2", "-vmx"
  std::optional<int> numa_nodes;
  std::optional<int> numa_memory_per_node;  // MiB
  std::optional<CpuTopology> cpu_topology;
  std::optional<bool> enable_hugepages;
  std::optional<std::string> hugepage_size;  // 2M, 1G
  std::optional<bool> cpu_pinning;
  std::optional<std::string> memory_backing;  // default, hugepages, memfd
};

struct SlurmConfig {
  std::vector<std::string> partitions;
  std::string default_partition;
  std::string max_job_time;  // empty where the file has none
};

struct KubernetesConfig {
  std::string cni;
  std::string ingress;
  std::string storage_class;
};

struct ClusterConfig {
  ClusterKind kind = ClusterKind::kHpc;
  std::string name;  // letters, digits and "_.-", so that it serves as a part of file and VM names
  std::optional<std::string> base_image_path;  // as written
  NetworkConfig network;
  Acceleration acceleration;
  std::vector<NodeConfig> nodes;       // controller or control plane included, in the file's order
  SlurmConfig slurm_config;            // of an hpc cluster
  KubernetesConfig kubernetes_config;  // of a cloud cluster
  SourcePosition where;
  SourcePosition name_where;
};

struct ClusterFile {
  std::filesystem::path path;           // absolute
  std::string name;                     // metadata.name
  std::string description;              // metadata.description
  std::vector<ClusterConfig> clusters;  // in the file's order; at least one, at most one of a kind
  // What the file's variables stood for, by name.
  std::map<std::string, std::string> variables;
  // What was accepted and is worth a word, in the file's order: keys that are not used, what ai-how ignores, and the
  // form of workers that it no longer takes.
  std::vector<ConfigProblem> notes;
  // What ai-how refuses, or fails at, though it was accepted here; in the file's order. From its schema
  // (cluster.schema.json) and its managers (hpc_manager.py, cloud_manager.py) as of March 2026.
  std::vector<ConfigProblem> ai_how_refuses;
};

// The value of a variable by its name; nullopt where it is not set.
using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

// Reads `path`, at most 1 MiB. $NAME and ${NAME}, with bash's defaults, are expanded in every text as ai-how does
// before it validates: from `lookup`, or without one from the environment, where TOT is the project's directory (the
// nearest one above the file with a .git, else the file's own) and PWD the working directory
// (ai_how/config/processor.py). Throws ConfigError with every problem of the file, in its order: YAML errors, variables
// that are not set, duplicate keys, keys that are unknown where ai-how refuses them (at the top and in clusters), wrong
// types, values out of range, and what cannot run together, such as a PCI address that two started nodes claim.
ClusterFile LoadClusterFile(const std::filesystem::path& path, const VariableLookup& lookup = {});

}  // namespace passthrough
