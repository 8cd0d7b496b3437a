// Plants faults in labs, one after the other in each lab, and gathers the verdicts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/faults/fault.h"
#include "tests/faults/report.h"

namespace passthrough {

struct HarnessSettings {
  std::vector<const Fault*> faults;
  int healthy_runs = 0;  // of the healthy cluster, from a snapshot
  int deployments = 0;   // whole runs of the healthy cluster; one is made in any case where a fault needs its evidence
  // Labs at a time. A lab that is emulated is busy on one processor.
  int labs = 2;
};

// Prints each verdict as it comes. Throws InterruptedError after all labs are down, Error where a lab could not be
// brought up.
Summary PlantAll(const HarnessSettings& settings);

}  // namespace passthrough
