#include "helpers/config/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace passthrough {
namespace {

// "-compute-" and the like; for roles of one node, the whole of what follows the cluster's name.
std::string_view DomainSuffix(NodeRole role) {
  switch (role) {
    case NodeRole::kController:
      return "-controller";
    case NodeRole::kCompute:
      return "-compute-";
    case NodeRole::kControlPlane:
      return "-control-plane";
    case NodeRole::kCpuWorker:
      return "-cpu-worker-";
    case NodeRole::kGpuWorker:
      return "-gpu-worker-";
  }
  return "";
}

bool IsNumbered(NodeRole role) { return role != NodeRole::kController && role != NodeRole::kControlPlane; }

std::string NodeName(ClusterKind kind, NodeRole role, int number) {
  if (!IsNumbered(role)) return fmt::format("{}_{}", ToString(kind), ToString(role));
  return fmt::format("{}_{}_{:02}", ToString(kind), ToString(role), number);
}

// `of_role`: how many nodes of this role the cluster has.
std::vector<std::string> DomainNames(const PlannedNode& node, int of_role) {
  const std::string stem = fmt::format("{}{}", node.cluster, DomainSuffix(node.role));
  if (!IsNumbered(node.role)) return {stem};
  std::vector<std::string> names = {fmt::format("{}{:02}", stem, node.number)};
  // The tenth node is "-10" in one spelling, the eleventh is "-10" in the other.
  if (of_role <= 10) names.push_back(fmt::format("{}{}", stem, node.number - 1));
  return names;
}

std::vector<PlannedDevice> PlanDevices(const NodeConfig& config) {
  std::vector<PlannedDevice> devices;
  if (!config.passthrough_enabled) return devices;
  for (const DeviceConfig& device : config.devices) {
    devices.push_back(
        {device.pci_address, device.device_type, device.vendor_id, device.device_id, device.iommu_group, device.where});
  }
  return devices;
}

PlannedCluster PlanCluster(const ClusterConfig& config) {
  PlannedCluster cluster;
  cluster.name = config.name;
  cluster.kind = config.kind;
  cluster.network_name = config.name + "-network";
  cluster.pool_name = config.name + "-pool";
  cluster.subnet = config.network.subnet;
  cluster.bridge = config.network.bridge;
  cluster.acceleration = config.acceleration;
  return cluster;
}

PlannedNode PlanNode(const ClusterConfig& cluster, const NodeConfig& config, int number) {
  PlannedNode node;
  node.name = NodeName(cluster.kind, config.role, number);
  node.cluster = cluster.name;
  node.kind = cluster.kind;
  node.role = config.role;
  node.number = number;
  node.address = config.ip;
  node.cpu_cores = config.cpu_cores;
  node.memory_gb = config.memory_gb;
  node.disk_gb = config.disk_gb;
  node.base_image_path = config.base_image_path.value_or(cluster.base_image_path.value_or(std::string()));
  node.auto_start = config.auto_start;
  node.devices = PlanDevices(config);
  node.virtio_fs_mounts = config.virtio_fs_mounts;
  node.where = config.where;
  return node;
}

}  // namespace

std::vector<PlannedDevice> PlannedNode::DevicesOfType(DeviceType type) const {
  std::vector<PlannedDevice> found;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(found),
               [type](const PlannedDevice& device) { return device.type == type; });
  return found;
}

std::string PlannedCluster::Gateway() const { return Ipv4ToString(subnet.Gateway()); }

std::string PlannedCluster::Netmask() const { return Ipv4ToString(subnet.Mask()); }

std::string PlannedCluster::FirstDhcpAddress() const { return Ipv4ToString(subnet.Gateway() + 1); }

std::string PlannedCluster::LastDhcpAddress() const { return Ipv4ToString(subnet.Broadcast() - 1); }

const PlannedNode* Plan::FindNode(std::string_view node_name) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const PlannedNode& node) { return node.name == node_name; });
  return found == nodes.end() ? nullptr : &*found;
}

const PlannedCluster* Plan::FindCluster(std::string_view cluster_name) const {
  const auto found = std::find_if(clusters.begin(), clusters.end(),
                                  [&](const PlannedCluster& cluster) { return cluster.name == cluster_name; });
  return found == clusters.end() ? nullptr : &*found;
}

std::vector<const PlannedNode*> Plan::NodesOf(const PlannedCluster& cluster) const {
  std::vector<const PlannedNode*> found;
  for (const PlannedNode& node : nodes) {
    if (node.cluster == cluster.name) found.push_back(&node);
  }
  return found;
}

std::vector<const PlannedNode*> Plan::RunningNodes() const {
  std::vector<const PlannedNode*> running;
  for (const PlannedNode& node : nodes) {
    if (node.auto_start) running.push_back(&node);
  }
  return running;
}

size_t Plan::GpuCount() const {
  size_t count = 0;
  for (const PlannedNode& node : nodes) count += node.GpuCount();
  return count;
}

std::string ClustersWord(const Plan& plan) {
  if (plan.clusters.size() > 1) return "both";
  return plan.clusters.empty() ? std::string() : std::string(ToString(plan.clusters.front().kind));
}

Plan MakePlan(const ClusterFile& file) {
  Plan plan;
  plan.variables = file.variables;
  for (const ConfigProblem& note : file.notes) plan.notes.push_back(note.ToString());
  for (const ConfigProblem& problem : file.ai_how_refuses) plan.ai_how_refuses.push_back(problem.ToString());
  plan.config_path = file.path.string();
  plan.name = file.name;
  for (const ClusterConfig& cluster : file.clusters) {
    plan.clusters.push_back(PlanCluster(cluster));
    std::map<NodeRole, int> of_role;
    const size_t first = plan.nodes.size();
    for (const NodeConfig& node : cluster.nodes) {
      plan.nodes.push_back(PlanNode(cluster, node, ++of_role[node.role]));
    }
    for (size_t i = first; i < plan.nodes.size(); ++i) {
      plan.nodes[i].domain_names = DomainNames(plan.nodes[i], of_role[plan.nodes[i].role]);
    }
  }
  return plan;
}

}  // namespace passthrough
