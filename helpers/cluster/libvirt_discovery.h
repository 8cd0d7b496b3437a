// Binding planned nodes to the domains that a hypervisor really has.
#pragma once

#include <chrono>
#include <functional>

#include "helpers/base/deadline.h"
#include "helpers/cluster/discovery.h"
#include "helpers/config/plan.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// Looks once. An address that no lease, ARP entry or guest agent knows is taken from the cluster
// file, if it has one for the node and the domain runs.
Discovery DiscoverDomainsOnce(const Plan& plan, LibvirtConnection& connection);

// Looks until every planned, auto-started node runs and has an address, or the deadline passes:
// then returns what there is, each node's `problem` filled in. Not waited for longer than
// `patience`: a domain that is gone, shut off or crashed, a lease for a node whose address the
// cluster file has, and an IPv4 lease for one that has an IPv6 lease. Throws LibvirtError, and InterruptedError where
// the run was interrupted.
Discovery DiscoverDomains(const Plan& plan, LibvirtConnection& connection, const Deadline& deadline,
                          std::chrono::seconds patience = std::chrono::seconds(10));
// The same with another way to look once.
Discovery DiscoverDomains(const Plan& plan, const std::function<Discovery()>& look, const Deadline& deadline,
                          std::chrono::seconds patience = std::chrono::seconds(10));

}  // namespace passthrough
