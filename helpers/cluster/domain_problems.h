// What the host has of a node's domain beside its devices as they are now.
#pragma once

#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// What a check reports of a domain: a failure, or a note where it may be in order.
struct DomainProblem {
  std::string found;
  std::string advice;
  bool note = false;
};

// What `domain`, which runs, will not have of the planned devices of `node` when it starts the next time, by its
// definition: libvirt changes the running domain and its definition apart (--live, --config). `uri`: of its libvirt. A
// note where it is transient: then there is no definition, and it is gone once it stops.
std::vector<DomainProblem> DefinitionProblems(const PlannedNode& node, const DomainInventory& domain,
                                              const std::string& uri);

// MAC addresses of `domain` that another domain of `host` has, too, running or not, or that it has twice. On different
// libvirt networks two may have one; where either network is not known, they may not.
std::vector<DomainProblem> SharedMacProblems(const DomainInventory& domain, const Inventory& host,
                                             const std::string& uri);

}  // namespace passthrough
