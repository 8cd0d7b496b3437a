// Taking down what a teardown record names. Done by the run itself, by ctest's cluster.destroy or by the guard.
#pragma once

#include <chrono>

#include "helpers/recovery/teardown_report.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// When the run ended whose cluster it is. What appeared of a create that did not end is the run's only if nobody can
// have made the same since: kJustNow is for whoever watched the run all along, as its guard.
enum class RunEnded { kSomeTimeAgo, kJustNow };

// Runs the deployer's destroy (once more where libvirt was away and comes back), checks the host for leftovers
// (evidence/host/after.json), removes through libvirt what the record names and is still there, brings
// the host down where it is ours, and closes the record unless something remains. Where an object has
// a name of the record's and is not what the run made, the deployer's destroy, which goes by names, is
// not run. What it cannot write down, on a full disk, it does all the same. A libvirt that does not answer for
// `connect_limit` is waited for, as one that is restarted. One process at a time (a lock on the run); where another did
// it meanwhile, returns its report. Never interrupted but while another has the lock. Throws Error only where the run
// directory cannot be read, written or locked.
TeardownReport TearDown(const RunDirectory& run, Progress& progress,
                        std::chrono::seconds connect_limit = std::chrono::seconds(30),
                        RunEnded ended = RunEnded::kSomeTimeAgo);

}  // namespace passthrough
