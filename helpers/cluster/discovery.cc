#include "helpers/cluster/discovery.h"

#include <algorithm>

namespace passthrough {

const DiscoveredNode* Discovery::Find(std::string_view node) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const DiscoveredNode& candidate) { return candidate.node == node; });
  return found == nodes.end() ? nullptr : &*found;
}

Discovery MergeDiscovery(const Discovery& before, Discovery now) {
  for (DiscoveredNode& node : now.nodes) {
    const DiscoveredNode* const earlier = before.Find(node.node);
    if (earlier != nullptr && node.problem.empty()) node.problem = earlier->problem;
  }
  return now;
}

}  // namespace passthrough
