// Where the nodes of a plan come from: who knows their addresses, and what else is known of them there.
#pragma once

#include <optional>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/cluster/discovery.h"
#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// One thread. What a node says of itself is collected over SSH from wherever Discover found it; all else that a source
// may know, it may also not know. Every function may throw Error, InterruptedError where the run was interrupted.
class NodeSource {
 public:
  virtual ~NodeSource() = default;

  // Looks until every node that is to run can be reached, waiting on is of no use, or the deadline passes: then returns
  // what there is, each node's `problem` filled in, and says in `source` and `location` who found it.
  virtual Discovery Discover(const Plan& plan, const Deadline& deadline) = 0;
  // Looks once.
  virtual Discovery Rediscover(const Plan& plan) = 0;

  // What the host of the nodes has; nullopt: this source has no host to ask.
  virtual std::optional<Inventory> HostInventory() { return std::nullopt; }
  // What identifies the node on its host: the XML of its domain. nullopt: it is no domain, or is gone.
  virtual std::optional<std::string> DomainXml(const DiscoveredNode& node) {
    static_cast<void>(node);
    return std::nullopt;
  }
  // What the node printed on its serial console, at most `most` last bytes. nullopt: nobody keeps that.
  virtual std::optional<std::string> ConsoleLog(const DiscoveredNode& node, size_t most) {
    static_cast<void>(node);
    static_cast<void>(most);
    return std::nullopt;
  }
};

}  // namespace passthrough
