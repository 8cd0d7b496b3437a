// Giving back the GPUs that a run had unplugged when it was killed, where the domain outlives the run.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/run/lease.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"
#include "helpers/run/unplugged_gpus.h"

namespace passthrough {

// How long giving back takes: each GPU gets one look and one attempt, whatever the limits. A call that is under way is
// waited for as kLookLimit and kPlugLimit say.
struct GiveBackLimits {
  std::chrono::seconds connect;  // for libvirt to answer at all
  std::chrono::seconds busy;     // for GPUs that cannot be attached, in all
  std::chrono::seconds guest;    // for guests that were asked and have not let go yet, in all; no longer than `busy`
  bool interruptible;            // somebody waits
};
// The guard's: the run has just been killed.
inline constexpr GiveBackLimits kOfGuard{std::chrono::seconds(30), std::chrono::seconds(60), std::chrono::seconds(60),
                                         false};
inline constexpr GiveBackLimits kOfReap{std::chrono::seconds(30), std::chrono::seconds(60), std::chrono::seconds(0),
                                        true};
// Of a start, which has something else to do.
inline constexpr GiveBackLimits kOfStart{std::chrono::seconds(10), std::chrono::seconds(5), std::chrono::seconds(0),
                                         true};
inline constexpr GiveBackLimits kOnce{std::chrono::seconds(30), std::chrono::seconds(0), std::chrono::seconds(0),
                                      false};

// How the domains are now. Each throws Error.
struct DomainFinder {
  // "running", …; nullopt: no such domain.
  std::function<std::optional<std::string>(const std::string& name, const Deadline&)> state;
  std::function<LiveDomain(const std::string& name)> live;
};

struct StillOwed {
  std::vector<OwedGpu> noted;
  // Of them is one that its domain lacks, or may lack. The others it still has: their guests were asked to let them go
  // and may yet.
  bool missing = false;
};

// Attaches what `owed` lists to its domain, if that is the same one, was not started anew, and lacks it. Tells a
// sentence of each. Does not throw Error: what an interruption left undone is still owed.
StillOwed GiveBack(const std::vector<OwedGpu>& owed, const DomainFinder& domains,
                   const std::function<void(const std::string&)>& tell, const GiveBackLimits& limits = kOfGuard);

// For a run whose cluster stays and whose owner is gone: does the same for what its lease has, notes what is left and
// tells what to do, and ends the lease where nothing else is in it. Nothing is owed where the host that the run was on
// is down. One process at a time, as TeardownLock. Returns true where no GPU is missing. Throws Error where the run
// directory cannot be read, written or locked.
bool GiveGpusBack(const RunDirectory& run, Progress& progress, const GiveBackLimits& limits = kOfGuard);

// For somebody who wants an end of it: tries once, and whatever came of it takes all out of `lease`, and tells that.
void ForgetOwedGpus(Lease& lease, Progress& progress);

}  // namespace passthrough
