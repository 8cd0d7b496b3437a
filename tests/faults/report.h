// The table of faults, as it is printed and as docs/faults.md has it.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/verdict.h"

namespace passthrough {

// What a whole run of the harness saw.
struct Summary {
  std::vector<Verdict> verdicts;          // in the order of the table; none of those not planted
  int healthy_runs = 0;                   // of the healthy cluster, from a snapshot
  int deployments = 0;                    // whole runs, from create to destroy
  std::vector<std::string> false_alarms;  // what went red there
  double seconds = 0;

  size_t Caught() const;
  bool AllIsWell() const { return Caught() == verdicts.size() && false_alarms.empty(); }
};

// One line, and why below it where it was not caught.
std::string Row(const Verdict& verdict);

// Counts, and as the last line "45 faults planted, 45 caught by exactly their checks, 0 false alarms".
std::string ClosingLines(const Summary& summary);

// docs/faults.md.
std::string Document(const Summary& summary);

}  // namespace passthrough
