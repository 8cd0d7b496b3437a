// One run's phases, in order: deploy (or attach), collect, tear down. Knows nothing of GoogleTest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "helpers/cluster/discovery.h"
#include "helpers/disruption/disruption.h"
#include "helpers/recovery/teardown.h"
#include "helpers/run/collect_phase.h"
#include "helpers/run/pending_teardown.h"
#include "helpers/run/run_settings.h"
#include "helpers/run/run_state.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/rundir/run_record.h"

namespace passthrough {

// Belongs to one thread. Every phase writes its duration and its error to run.json as it ends.
class ClusterRun {
 public:
  // Writes run.json and the copy of the cluster file. Throws Error.
  ClusterRun(RunSettings settings, RunDirectory run, Progress& progress);

  // Brings the host up where the profile says so, checks what can be checked before anything exists,
  // takes the inventory before, writes the teardown record, starts the guard, runs the deployer's create.
  // Throws Error: a teardown is pending all the same.
  void Deploy();
  // In place of Deploy, for a cluster that is there; reattaches the GPUs that killed runs took from it. Throws Error.
  void Attach();
  // Finds the nodes, runs `probes` on them, and collects the host's inventory. What fails on single nodes
  // is in the evidence; what stops the whole is thrown.
  void Collect(const std::vector<std::string>& probes);
  // As DisruptGpuNodes, on the nodes that Collect found.
  void DisruptNodes(const DisruptionRequest& request);
  // Tears down what is pending; nothing where nothing is. Once: of what could not be taken down, the record stays, and
  // the guard tries again when this process has ended. Never interrupted; does not throw: what fails is in the
  // report and in run.json.
  void TearDownIfPending();

  const RunDirectory& run() const { return state_.run(); }
  const RunRecord& record() const { return state_.record(); }
  const Discovery& discovery() const { return collect_.discovery(); }  // empty before Collect
  // After TearDownIfPending did something.
  const std::optional<TeardownReport>& teardown() const { return teardown_; }
  // Writes run.json again with `error` as the reason why nothing can be checked.
  void RecordError(const std::string& error) { state_.RecordError(error); }

 private:
  RunState state_;
  PendingTeardown pending_;
  CollectPhase collect_;
  std::optional<TeardownReport> teardown_;
};

}  // namespace passthrough
