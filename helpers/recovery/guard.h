// A small process that outlives the suite and tears down what a killed one left, or plugs in what it had unplugged
// of a cluster that stays.
#pragma once

#include <sys/types.h>

#include "helpers/rundir/run_directory.h"

namespace passthrough {

// Starts the passthrough-suite beside this program, in a session of its own, as the guard of `run`: `--guard RUN
// --watch PID`. Its output goes to guard.log. Throws Error.
void StartGuard(const RunDirectory& run, pid_t watched);

// The guard itself: waits until the record is closed (returns 0) or `watched` ended with the teardown still
// pending; then tears down, or reattaches the GPUs of a cluster that stays, and returns 0, 1 where something remains.
// Where the record cannot be read or locked, as while a file server is away, it tries again for some minutes. Ignores
// SIGINT, SIGTERM and SIGHUP.
int RunGuard(const RunDirectory& run, pid_t watched);

}  // namespace passthrough
