// A small process that outlives the suite and tears down what a killed one left, or plugs in what it had unplugged
// of a cluster that stays.
#pragma once

#include <sys/types.h>

#include "helpers/run/run_directory.h"

namespace passthrough {

// Starts the passthrough-suite beside this program, in a session of its own, as the guard of `run`: `--guard RUN
// --watch PID`. Its output goes to guard.log. Throws Error.
void StartGuard(const RunDirectory& run, pid_t watched);

// The guard itself: waits until the lease is gone (returns 0) or `watched` ended with the lease still
// there; then tears down, or gives GPUs back to a cluster that stays, and returns 0, 1 where something remains. Where
// the lease cannot be read or locked, as while a file server is away, it tries again for some minutes.
// Ignores SIGINT, SIGTERM and SIGHUP.
int RunGuard(const RunDirectory& run, pid_t watched);

}  // namespace passthrough
