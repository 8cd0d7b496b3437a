// Rebooting a node, and waiting until it is back.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/ipv4_subnet.h"
#include "helpers/disruption/disruption.h"
#include "helpers/disruption/verified_node.h"

namespace passthrough {

// A node did not come back: nothing more can be done to it.
class NodeLostError : public Error {
 public:
  using Error::Error;
};

struct RebootContext {
  VerifiedNode& node;
  LiveDomain& domain;
  const std::optional<Ipv4Subnet>& subnet;  // its cluster's: where it may be after the reboot
  const DisruptionLimits& limits;
  const std::function<void(const std::string&)>& report;
};

// Fills in the boot ids of `step`, and its console where the node does not come back. Throws Error, NodeLostError,
// InterruptedError.
void RebootNode(const RebootContext& context, DisruptionStep& step);

}  // namespace passthrough
