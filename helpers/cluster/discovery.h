// What was found of the planned nodes: at which address each can be reached, and which domain it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

// A planned node and what it turned out to be. Evidence: kept as JSON in the run.
struct DiscoveredNode {
  std::string node;    // PlannedNode::name
  std::string domain;  // empty: no domain of this name was found, or the nodes are no domains
  std::string uuid;
  std::string state;        // "running", …
  std::string reason = {};  // why it is in that state: "by a user"; empty: libvirt does not know
  std::vector<std::string> mac_addresses;
  std::string address;         // where it can be reached: IPv4, or IPv6 where no lease is IPv4; empty: none is known
  std::string address_source;  // "lease", "arp", "agent", "cluster file", or a source's own word
  // Why it cannot be used, in words; empty: it can. A node that the cluster file keeps off
  // (auto_start: false) and that is off has no problem.
  std::string problem;
  bool operator==(const DiscoveredNode&) const = default;
};

struct Discovery {
  std::string source;                 // what found the nodes: "libvirt"
  std::string location;               // where that is: "qemu:///system"
  std::vector<DiscoveredNode> nodes;  // one a planned node, in the plan's order
  // Domains named as this plan's clusters name theirs, but not planned. Also a planned node's
  // domain in the other spelling, where both exist.
  std::vector<std::string> unplanned;
  // nullptr where there is none.
  const DiscoveredNode* Find(std::string_view node) const;
  bool operator==(const Discovery&) const = default;
};

// `now`, taken after the nodes were worked with: leases and ARP entries that came late replace what
// the cluster file says. A problem of `before` that is gone is kept, for it is why a node has no
// evidence.
Discovery MergeDiscovery(const Discovery& before, Discovery now);

std::string ToJson(const Discovery& discovery);
Discovery DiscoveryFromJson(std::string_view json);  // throws EvidenceError

}  // namespace passthrough
