// Where a run is interrupted.
#pragma once

#include <string_view>
#include <vector>

namespace passthrough {

// A moment of a run, known by what the run says then.
struct InterruptionPoint {
  std::string_view name;     // for the table
  std::string_view says;     // the first line with these words in it is the moment
  bool lab_is_down = false;  // the run brings the lab up and down itself
  bool collects = false;     // the run waits for the nodes' SSH and collects evidence
};

const std::vector<InterruptionPoint>& InterruptionPoints();

}  // namespace passthrough
