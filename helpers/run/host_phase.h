// The host of a run that deploys: claimed for the run, and brought up where the profile says how.
#pragma once

#include "helpers/run/pending_teardown.h"
#include "helpers/run/run_state.h"

namespace passthrough {

// Writes the teardown record and starts the guard, before anything exists: all that follows can be killed. Throws
// Error where another run has the host or the names.
void ClaimHost(RunState& state, PendingTeardown& pending);

// Runs the profile's host.up, where the profile has a host, and takes into the profile what host.facts then says.
// Throws Error.
void BringHostUp(RunState& state, PendingTeardown& pending);

}  // namespace passthrough
