// What a run has to take down, kept up to date while the run goes on.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "helpers/disruption/unplugged_gpus.h"
#include "helpers/process/child_process.h"
#include "helpers/run/run_state.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// The teardown record of one run. `record` is changed by the run's own thread and then written with Update().
class PendingTeardown {
 public:
  explicit PendingTeardown(const RunState& state) : state_(state), run_(state.run()) {}  // outlives this

  TeardownRecord record;

  // On the disk when it returns. Throws Error where there is no record any more: the process that watched the run found
  // it dead and took down what it had made, as where ctest was killed and its deploy step lives on. Nobody would take
  // down what is made from then on.
  void Update();
  void RequireRunDirectory() const;  // throws Error where it was deleted
  // Runs a command whose process group is in the record while it runs.
  ChildResult RunCommand(const std::vector<std::string>& argv, ChildOptions options, const Deadline& deadline);

  // Notes GPUs in the record while they are unplugged, where the cluster outlives the run: the record and the guard of
  // an attached run begin here. What it returns may be called from any thread and not after this is gone.
  DetachedGpuLog NoteDetachedGpus();
  // The record of an attached run ends where no GPU is pending.
  void CloseIfAttached();

 private:
  const RunState& state_;
  const RunDirectory& run_;
  std::mutex mutex_;  // nodes are disturbed all at once
};

}  // namespace passthrough
