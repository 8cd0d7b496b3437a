// Binding planned nodes to the domains that a hypervisor really has.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// A planned node and the domain that it turned out to be. Evidence: kept as JSON in the run.
struct DiscoveredNode {
  std::string node;    // PlannedNode::name
  std::string domain;  // empty: no domain of this name was found
  std::string uuid;
  std::string state;  // "running", …
  std::vector<std::string> mac_addresses;
  std::string address;         // IPv4 where it can be reached; empty: none is known
  std::string address_source;  // "lease", "arp", "agent", "cluster file"
  std::string problem;         // why it cannot be used, in words; empty: it can
};

struct Discovery {
  std::vector<DiscoveredNode> nodes;        // one a planned node, in the plan's order
  std::vector<std::string> unplanned;       // domains named as this plan's clusters name theirs, but not planned
  const DiscoveredNode* Find(std::string_view node) const;
};

// Looks once.
Discovery DiscoverOnce(const Plan& plan, LibvirtConnection& connection);

// Looks until every planned, auto-started node runs and has an address, or the deadline passes: then
// returns what there is, each node's `problem` filled in. A domain that is gone, shut off or crashed is not waited for
// longer than `patience`.
Discovery Discover(const Plan& plan, LibvirtConnection& connection, const Deadline& deadline,
                   std::chrono::seconds patience = std::chrono::seconds(10));

std::string ToJson(const Discovery& discovery);
Discovery DiscoveryFromJson(std::string_view json);  // throws EvidenceError

}  // namespace passthrough
