// Giving back the GPUs that a run had unplugged when it was killed, where the domain outlives the run.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/run/lease.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"
#include "helpers/run/unplugged_gpus.h"

namespace passthrough {

// For a guest that was asked and has not let go yet, and for a host that is busy.
inline constexpr std::chrono::seconds kGiveBackLimit{60};

// How the domains are now. Each throws Error.
struct DomainFinder {
  std::function<std::optional<std::string>(const std::string& name)> state;  // "running", …; nullopt: no such domain
  std::function<LiveDomain(const std::string& name)> live;
};

// Attaches what `owed` lists to its domain, if that is the same one, runs, and lacks it. Tells one sentence of each,
// and returns those that are still owed, which could not be attached within `limit` each. Heeds no interruption. Does
// not throw Error.
std::vector<OwedGpu> GiveBack(const std::vector<OwedGpu>& owed, const DomainFinder& domains,
                              const std::function<void(const std::string&)>& tell,
                              std::chrono::seconds limit = kGiveBackLimit);

// The same for all of `lease`, which is left with what is still owed. Returns why, with what to do; empty: nothing is
// owed, also where the host that the run was on is down.
std::string GiveOwedGpusBack(Lease& lease, Progress& progress, std::chrono::seconds limit = kGiveBackLimit);

// The same for a run whose cluster stays and whose owner is gone: notes what is left, and ends the lease where nothing
// else is in it. One process at a time. Returns true where no GPU is owed any more. Throws Error where the run
// directory cannot be read or written.
bool GiveGpusBack(const RunDirectory& run, Progress& progress, std::chrono::seconds limit = kGiveBackLimit);

}  // namespace passthrough
