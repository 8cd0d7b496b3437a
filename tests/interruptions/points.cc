#include "tests/interruptions/points.h"

namespace passthrough {

const std::vector<InterruptionPoint>& InterruptionPoints() {
  static const std::vector<InterruptionPoint> points{
      {.name = "the run begins", .says = "run directory:"},
      {.name = "lab coming up", .says = "bringing the host up", .lab_is_down = true},
      {.name = "lab going down", .says = "bringing the host down", .lab_is_down = true},
      {.name = "before create", .says = "checking before deploying"},
      {.name = "create begins", .says = "deploying test-"},
      {.name = "create: pool made", .says = "storage pool "},
      {.name = "create: disk in place", .says = "base image "},
      {.name = "create: node defined", .says = "compute-01 defined"},
      {.name = "create: node started", .says = "compute-01 started"},
      {.name = "created", .says = "deployed "},
      {.name = "waiting for addresses", .says = "waiting for the nodes' addresses"},
      {.name = "waiting for SSH", .says = "collecting evidence", .collects = true},
      {.name = "collecting", .says = "hpc_compute_01: SSH answers", .collects = true},
      {.name = "collecting from the host", .says = "collecting the host's inventory"},
      {.name = "checking", .says = "collected the host's inventory"},
      {.name = "destroy begins", .says = "destroying the cluster"},
      {.name = "destroy: node gone", .says = "compute-01 removed"},
      {.name = "looking for leftovers", .says = "looking for leftovers"},
  };
  return points;
}

}  // namespace passthrough
