#include "helpers/cluster/domain_binding.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

namespace passthrough {
namespace {

// The nodes that one deployer names alike: by cluster and role.
using Group = std::vector<const PlannedNode*>;

std::vector<Group> GroupNodes(const Plan& plan) {
  std::map<std::tuple<std::string, ClusterKind, NodeRole>, Group> groups;
  for (const PlannedNode& node : plan.nodes) {
    groups[{node.cluster, node.kind, node.role}].push_back(&node);
  }
  std::vector<Group> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

// A node may have fewer spellings than another of its group.
const std::string& NameInSpelling(const PlannedNode& node, size_t spelling) {
  return node.domain_names[std::min(spelling, node.domain_names.size() - 1)];
}

size_t LikeliestSpelling(const Group& group, const std::set<std::string>& domains) {
  size_t best = 0;
  size_t most = 0;
  for (size_t spelling = 0; spelling < group.front()->domain_names.size(); ++spelling) {
    const auto matches = static_cast<size_t>(std::count_if(group.begin(), group.end(), [&](const PlannedNode* node) {
      return domains.contains(NameInSpelling(*node, spelling));
    }));
    if (matches <= most) continue;
    best = spelling;
    most = matches;
  }
  return best;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whether a deployer names a node so within its cluster: "compute-01", "control-plane".
bool IsNodeSuffix(std::string_view suffix) {
  if (suffix == "controller" || suffix == "control-plane") return true;
  for (const std::string_view role : {"compute-", "cpu-worker-", "gpu-worker-"}) {
    if (suffix.starts_with(role)) return IsNumber(suffix.substr(role.size()));
  }
  return false;
}

// "test-hpc-2-compute-01" is not of the cluster "test-hpc".
bool IsNamedAsOf(const Plan& plan, std::string_view domain) {
  return std::any_of(plan.clusters.begin(), plan.clusters.end(), [&](const PlannedCluster& cluster) {
    const std::string prefix = cluster.name + "-";
    return domain.starts_with(prefix) && IsNodeSuffix(domain.substr(prefix.size()));
  });
}

}  // namespace

DomainBinding BindDomains(const Plan& plan, const std::vector<std::string>& domains) {
  const std::set<std::string> existing(domains.begin(), domains.end());
  DomainBinding binding;
  std::set<std::string> bound;
  for (const Group& group : GroupNodes(plan)) {
    const size_t spelling = LikeliestSpelling(group, existing);
    for (const PlannedNode* const node : group) {
      const std::string& name = NameInSpelling(*node, spelling);
      if (!existing.contains(name)) continue;
      binding.domain_of_node[node->name] = name;
      bound.insert(name);
    }
  }
  for (const std::string& domain : existing) {
    if (!bound.contains(domain) && IsNamedAsOf(plan, domain)) binding.unplanned.push_back(domain);
  }
  return binding;
}

}  // namespace passthrough
