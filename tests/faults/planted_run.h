// One run of the suite on a planted fault, and what it said.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/fault.h"
#include "tests/faults/fault_lab.h"

namespace passthrough {

struct PlantedRun {
  std::set<std::string> all;  // the checks that were to run
  JunitReport report;
  ChildResult run;
  std::string left_behind;  // why Fault::afterwards failed; empty: it did not
  std::string verdict;      // verdict.json
  // Where verdict.json or report.html say something else than junit.xml, a sentence each.
  std::vector<std::string> disagreements;
};

// Plants `fault` and runs the suite. `healthy_run`: a run directory whose evidence kReplay is planted in.
// Throws Error where the fault could not be planted or the suite left no report.
PlantedRun PlantAndRun(const Fault& fault, FaultLab& lab, const std::filesystem::path& healthy_run);

}  // namespace passthrough
