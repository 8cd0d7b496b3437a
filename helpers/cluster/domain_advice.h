// What to do about a domain that is not in the state that the cluster file asks for.
#pragma once

#include <string>

#include "helpers/cluster/discovery.h"

namespace passthrough {

// To bring `found` into the state `expected` ("running", "shut off"), or to see why it cannot be. `uri`: of its
// libvirt. `has_devices`: host devices are passed through to it.
std::string HowToBringDomain(const DiscoveredNode& found, const std::string& expected, const std::string& uri,
                             bool has_devices);

}  // namespace passthrough
