// Which runs of this user owe something to a host, wherever their run directories are.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "helpers/run/lease.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// A run whose lease is still there.
struct OwedRun {
  enum class State {
    kHeld,   // the process that owns it lives: deploying, judging or tearing down
    kElsewhere,  // its owner is on another machine or in another container: whether it lives cannot be seen
    kKept,   // its cluster stays on purpose (--no-cleanup, --attach); GPUs may be owed to it
    kStale,  // its owner is gone: what is left is to be taken down
  };
  std::filesystem::path run;  // the run directory, or what is kept of it: see LeaseHome
  Lease lease;
  State state = State::kStale;
};

// The registry of this user: one symbolic link a run in $XDG_STATE_HOME/pcie-passthrough-suite/runs
// (~/.local/state without it), and beside it, in leases, what is kept of the run, its lease among it. Holds its lock
// while it lives: between looking and registering, no other process does either. Throws Error where the directory
// cannot be made or locked.
class RunRegistry {
 public:
  RunRegistry();
  ~RunRegistry();
  RunRegistry(const RunRegistry&) = delete;
  RunRegistry& operator=(const RunRegistry&) = delete;

  // What is left of runs that owe nothing any more is removed; those whose lease cannot be read are told of in
  // `unreadable`, a sentence each, if it is given. Throws Error.
  std::vector<OwedRun> Owed(std::vector<std::string>* unreadable = nullptr);
  // Throws Error; then it is not registered.
  void Add(const RunDirectory& run, const Lease& lease);
  // Ends the lease of `run`, or of what is kept of it, registered or not. Throws Error where it stays.
  void Remove(const RunDirectory& run);

 private:
  std::vector<std::string> Names() const;
  void Forget(const std::string& name, const std::filesystem::path& run);

  std::filesystem::path directory_;
  int lock_ = -1;
};

// True where the two cannot be at once: the same names on the same host, or one of them brings that
// host down when it ends.
bool InEachOthersWay(const Lease& one, const Lease& other);

// Registers `lease` for `run`, after taking down what stale runs left in its way, and tells that.
// Throws Error where a run that lives or that is kept is in the way, with who and what to do. `before_looking` is called
// before each look at the other runs, without the registry's lock: it may change `lease` and throw.
void Claim(const RunDirectory& run, const Lease& lease, Progress& progress,
           const std::function<void()>& before_looking = {});

// Throws Error, with who holds it, where the process that owns `lease` of `run` lives.
void RequireEnded(const RunDirectory& run, const Lease& lease);

// Registers `lease` of a run that only attached: it is in nobody's way. Throws Error.
void RegisterAttached(const RunDirectory& run, const Lease& lease);

// Gives back what runs that were killed had unplugged at `place` (see Lease) from domains that stayed, and tells
// that. Takes little time, also where it cannot. Returns true where none is missing. Throws Error where the registry
// cannot be read, InterruptedError.
bool GiveBackWhatKilledRunsUnplugged(const std::string& place, Progress& progress);

// Takes down everything that stale runs left; tells of runs that are held or kept. Returns true where
// nothing stale remains and no GPU is missing that a killed run had unplugged. Throws InterruptedError.
bool ReapStaleRuns(Progress& progress);

}  // namespace passthrough
