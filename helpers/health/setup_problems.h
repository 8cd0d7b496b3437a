// Whether what sets a node up has done so.
#pragma once

#include <optional>
#include <string>

#include "helpers/health/finding.h"

namespace passthrough {

struct SetupOutcome {
  std::string command;             // "cloud-init status --wait"; empty: nothing was waited for
  bool is_cloud_init = true;       // and not a command of the profile's own
  std::optional<int> exit_status;  // nullopt: it did not end
  std::string output;              // the last that it printed
  std::string problem;             // why there is no exit status
};

// A command of the profile's own has to end with 0, in time. Of cloud-init, 2 is a note ("done", and it recovered from
// errors), 1 a failure, and so is one that does not end; where the cluster was there before the run (`attached`), both
// are notes: its first boot may be long ago, and what it lacks is seen by the other checks. `where`: the file that has
// it.
Findings SetupProblems(const SetupOutcome& outcome, bool attached, const std::string& where);

}  // namespace passthrough
