// Binding planned nodes to the domains that a hypervisor really has.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/config/ipv4_subnet.h"
#include "helpers/config/plan.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// A planned node and the domain that it turned out to be. Evidence: kept as JSON in the run.
struct DiscoveredNode {
  std::string node;    // PlannedNode::name
  std::string domain;  // empty: no domain of this name was found
  std::string uuid;
  std::string state;  // "running", …
  std::string reason = {};  // why it is in that state: "by a user"; empty: libvirt does not know
  std::vector<std::string> mac_addresses;
  std::string address;         // where it can be reached: IPv4, or IPv6 where no lease is IPv4; empty: none is known
  std::string address_source;  // "lease", "arp", "agent", "cluster file"
  // Why it cannot be used, in words; empty: it can. A node that the cluster file keeps off
  // (auto_start: false) and that is off has no problem.
  std::string problem;
  bool operator==(const DiscoveredNode&) const = default;
};

struct Discovery {
  std::vector<DiscoveredNode> nodes;  // one a planned node, in the plan's order
  // Domains named as this plan's clusters name theirs, but not planned. Also a planned node's
  // domain in the other spelling, where both exist.
  std::vector<std::string> unplanned;
  // nullptr where there is none.
  const DiscoveredNode* Find(std::string_view node) const;
  bool operator==(const Discovery&) const = default;
};

// Where to reach a node of a cluster on `subnet`: the first of `addresses` in it. Outside of it a DHCP lease
// alone will do, for the hypervisor's own server gave it; ARP entries and guest agents have the guest's word,
// which could name any machine. A lease may be IPv6. nullopt: none will do.
std::optional<LibvirtConnection::Address> ChooseAddress(
    const std::optional<Ipv4Subnet>& subnet, const std::vector<LibvirtConnection::Address>& addresses);

// Looks once. An address that no lease, ARP entry or guest agent knows is taken from the cluster
// file, if it has one for the node and the domain runs.
Discovery DiscoverOnce(const Plan& plan, LibvirtConnection& connection);

// Looks until every planned, auto-started node runs and has an address, or the deadline passes:
// then returns what there is, each node's `problem` filled in. Not waited for longer than
// `patience`: a domain that is gone, shut off or crashed, a lease for a node whose address the
// cluster file has, and an IPv4 lease for one that has an IPv6 lease. Throws LibvirtError, and InterruptedError where the run was interrupted.
Discovery Discover(const Plan& plan, LibvirtConnection& connection, const Deadline& deadline,
                   std::chrono::seconds patience = std::chrono::seconds(10));

// `now`, taken after the nodes were worked with: leases and ARP entries that came late replace what
// the cluster file says. A problem of `before` that is gone is kept, for it is why a node has no
// evidence.
Discovery LookedAtAgain(const Discovery& before, Discovery now);

// Where a node of a cluster on `subnet` is that had `address`, by what its domain has now: nullopt where that is
// still among them or ChooseAddress would take none. A node that gets its address by DHCP may come back from a
// reboot with another one.
std::optional<std::string> MovedTo(const std::string& address, const std::optional<Ipv4Subnet>& subnet,
                                   const std::vector<LibvirtConnection::Address>& now);

std::string ToJson(const Discovery& discovery);
Discovery DiscoveryFromJson(std::string_view json);  // throws EvidenceError

}  // namespace passthrough
