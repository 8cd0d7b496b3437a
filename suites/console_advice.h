// Where a node's console is to be read.
#pragma once

#include <string>

#include "helpers/config/plan.h"

namespace passthrough {

// A sentence: that the run has the node's console.log, or, where its domain wrote none (ai-how's have a pty alone), by
// which command its console is seen. Asks the run of the session.
std::string ConsoleAdvice(const PlannedNode& node);

}  // namespace passthrough
