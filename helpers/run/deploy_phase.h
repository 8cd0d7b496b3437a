// Checking what can be checked before anything exists, and the deployer's create.
#pragma once

#include "helpers/run/pending_teardown.h"
#include "helpers/run/run_state.h"

namespace passthrough {

// Takes the inventory before. Throws Error with every problem.
void CheckBeforeDeploying(RunState& state, PendingTeardown& pending);

// Runs the deployer's create. From its start something may exist, and the teardown record says so. Throws Error.
void CreateCluster(RunState& state, PendingTeardown& pending);

}  // namespace passthrough
