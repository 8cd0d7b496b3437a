// Whether a fault was caught, by exactly the checks that must catch it.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/fault.h"
#include "tests/faults/planted_run.h"

namespace passthrough {

struct Verdict {
  const Fault* fault = nullptr;
  bool caught = false;
  double seconds = 0;                 // the suite's run alone
  std::string failed;                 // the checks that failed, in short
  std::vector<std::string> problems;  // why it is not caught, one a line
};

// Compares what failed with what must.
Verdict Compare(const Fault& fault, const PlantedRun& planted);

}  // namespace passthrough
