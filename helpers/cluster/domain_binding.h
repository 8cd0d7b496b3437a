// Which domain is which planned node, by their names alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "helpers/config/plan.h"

namespace passthrough {

struct DomainBinding {
  std::map<std::string, std::string> domain_of_node;  // only of nodes that have one
  std::vector<std::string> unplanned;                 // see Discovery::unplanned
};

// `domains`: the names of all domains of the hypervisor. The nodes of one role in one cluster all
// follow one spelling: that of the most domains there, the project's own deployer's where it is
// even.
DomainBinding BindDomains(const Plan& plan, const std::vector<std::string>& domains);

}  // namespace passthrough
