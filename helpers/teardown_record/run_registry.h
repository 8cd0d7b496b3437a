// Which runs of this user have a pending teardown, wherever their run directories are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/file_lock.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// A run whose teardown record is still there.
struct PendingRun {
  enum class State {
    kHeld,       // the process that owns it lives: deploying, checking or tearing down
    kElsewhere,  // its owner is on another machine or in another container: whether it lives cannot be seen
    kKept,       // its cluster stays on purpose (--no-cleanup, --attach); GPUs may be pending to it
    kStale,      // its owner is gone: what is left is to be taken down
  };
  std::filesystem::path run;  // the run directory, or what is kept of it: see RecordHome
  TeardownRecord record;
  State state = State::kStale;
};

// The registry of this user: one symbolic link a run in $XDG_STATE_HOME/pcie-passthrough-suite/runs
// (~/.local/state without it), and beside it, in records, what is kept of the run, its teardown record among it. Holds
// its lock while it lives: between reading and registering, no other process does either. Throws Error where the
// directory cannot be made or locked.
class RunRegistry {
 public:
  RunRegistry();
  RunRegistry(const RunRegistry&) = delete;
  RunRegistry& operator=(const RunRegistry&) = delete;

  // What is left of runs for which nothing is pending is removed; those whose record cannot be read are reported in
  // `unreadable`, a sentence each, if it is given. Throws Error.
  std::vector<PendingRun> Pending(std::vector<std::string>* unreadable = nullptr);
  // Throws Error; then it is not registered.
  void Add(const RunDirectory& run, const TeardownRecord& record);
  // Closes the record of `run`, or of what is kept of it, registered or not. Throws Error where it stays.
  void Remove(const RunDirectory& run);

 private:
  std::vector<std::string> Names() const;
  void Forget(const std::string& name, const std::filesystem::path& run);

  std::filesystem::path directory_;
  FileLock lock_;
};

// Whether the process that owns `record` lives, and what follows.
PendingRun::State StateOf(const TeardownRecord& record);

// Nothing is pending any more: ends the record of `run` and takes it out of the registry. Whoever is killed meanwhile
// leaves it pending still, or has ended it. Throws Error.
void CloseTeardownRecord(const RunDirectory& run);

}  // namespace passthrough
