// Reattaching the GPUs that a run had unplugged when it was killed, where the domain outlives the run.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/disruption/live_domain.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/detached_gpu.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// How long reattaching takes: each GPU gets one attempt, whatever the limits. A call that is under way is
// waited for as kQueryLimit and kPlugLimit say.
struct ReattachLimits {
  std::chrono::seconds connect;  // for libvirt to answer at all
  std::chrono::seconds busy;     // for GPUs that cannot be attached, in all
  std::chrono::seconds guest;    // for guests that were asked and have not let go yet, in all; no longer than `busy`
  bool interruptible;            // somebody waits
};
// The guard's: the run has just been killed.
inline constexpr ReattachLimits kGuardLimits{std::chrono::seconds(30), std::chrono::seconds(60),
                                             std::chrono::seconds(60), false};
inline constexpr ReattachLimits kReapLimits{std::chrono::seconds(30), std::chrono::seconds(60), std::chrono::seconds(0),
                                            true};
// Of a start, which has something else to do.
inline constexpr ReattachLimits kStartLimits{std::chrono::seconds(10), std::chrono::seconds(5), std::chrono::seconds(0),
                                             true};
inline constexpr ReattachLimits kOnce{std::chrono::seconds(30), std::chrono::seconds(0), std::chrono::seconds(0),
                                      false};

// The domain of that name, whether or not there is one. Throws Error.
using DomainFinder = std::function<std::shared_ptr<LiveDomain>(const std::string& name)>;

struct NotReattached {
  std::vector<DetachedGpu> pending;
  // Of them is one that its domain lacks, or may lack. The others it still has: their guests were asked to let them go
  // and may yet.
  bool missing = false;
};

// Attaches each of `detached` to its domain, if that is the same one, was not started anew, and lacks it. Reports a
// sentence of each. Does not throw Error: what an interruption left undone is still pending.
NotReattached Reattach(const std::vector<DetachedGpu>& detached, const DomainFinder& domains,
                       const std::function<void(const std::string&)>& report,
                       const ReattachLimits& limits = kGuardLimits);

// For a run whose cluster stays and whose owner is gone: does the same for what its teardown record has, records what
// is left and reports what to do, and closes the record where nothing else is in it. Nothing is pending where the host
// that the run was on is down. One process at a time, as TeardownLock. Returns true where no GPU is missing. Throws
// Error where the run directory cannot be read, written or locked.
bool ReattachGpus(const RunDirectory& run, Progress& progress, const ReattachLimits& limits = kGuardLimits);

// For a person who gives up on them: tries once, and whatever came of it takes all out of `record`, and reports that.
void AbandonDetachedGpus(TeardownRecord& record, Progress& progress);

}  // namespace passthrough
