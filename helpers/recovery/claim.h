// Claiming a cluster's names for a run, and taking down what runs that were killed left in the way.
#pragma once

#include <functional>
#include <string>

#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// True where the two cannot be at once: the same names on the same host, or one of them brings that
// host down when it ends.
bool Conflicts(const TeardownRecord& one, const TeardownRecord& other);

// Registers `record` for `run`, after taking down what stale runs left in its way, and reports that.
// Throws Error where a run that lives or that is kept is in the way, with who and what to do. `before_looking` is
// called before the other runs are read, each time, without the registry's lock: it may change `record` and throw.
void Claim(const RunDirectory& run, const TeardownRecord& record, Progress& progress,
           const std::function<void()>& before_looking = {});

// Throws Error, with who holds it, where the process that owns `record` of `run` lives.
void RequireEnded(const RunDirectory& run, const TeardownRecord& record);

// Registers `record` of a run that only attached: it conflicts with none. Throws Error.
void RegisterAttached(const RunDirectory& run, const TeardownRecord& record);

// Reattaches what runs that were killed had unplugged on `host_id` (see TeardownRecord) from domains that stayed, and
// reports that. Takes little time, also where it cannot. Returns true where none is missing. Throws Error where the
// registry cannot be read, InterruptedError.
bool ReattachGpusOfKilledRuns(const std::string& host_id, Progress& progress);

// Takes down everything that stale runs left; reports runs that are held or kept. Returns true where
// nothing stale remains and no GPU is missing that a killed run had unplugged. Throws InterruptedError.
bool ReapStaleRuns(Progress& progress);

}  // namespace passthrough
