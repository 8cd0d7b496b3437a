// One run's phases, in order: deploy (or attach), collect, tear down. Knows nothing of GoogleTest.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/libvirt/discovery.h"
#include "helpers/process/child_process.h"
#include "helpers/run/disruption.h"
#include "helpers/run/lease.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"
#include "helpers/run/run_record.h"
#include "helpers/run/teardown.h"
#include "helpers/ssh/host_keys.h"

namespace passthrough {

struct RunSettings {
  Plan plan;
  Profile profile;
  std::filesystem::path remote_directory;  // the project's remote/
  std::filesystem::path program_directory; // what is built here for the probes
  RunMode mode = RunMode::kDirect;
  std::string target;        // a node's name: evidence is collected from this one only; empty: all
  bool keep_cluster = false; // --no-cleanup
  bool disruptive = false;   // --disruptive
  int reboots = 0;           // --cycles
  pid_t watched = 0;         // the process whose end means that nobody will tear down but the guard
};

// Belongs to one thread. Every phase writes its duration and its error to run.json as it ends.
class ClusterRun {
 public:
  // Writes run.json and the copy of the cluster file. Throws Error.
  ClusterRun(RunSettings settings, RunDirectory run, Progress& progress);

  // Brings the host up where the profile says so, checks what can be checked before anything exists,
  // takes the inventory before, writes the lease, starts the guard, runs the deployer's create.
  // Throws Error: then TearDown is owed all the same.
  void Deploy();
  // In place of Deploy, for a cluster that is there; gives back the GPUs that killed runs owe it. Throws Error.
  void Attach();
  // Finds the nodes, runs `probes` on them, asks libvirt for the host's side. What fails on single nodes
  // is in the evidence; what stops the whole is thrown.
  void Collect(const std::vector<std::string>& probes);
  // Disturbs the GPU nodes that Collect found, all at once, and looks at each again. What fails on single nodes
  // is in the evidence; what stops the whole is thrown.
  void DisruptNodes(const DisruptionRequest& request);
  // What is owed; nothing where nothing is. Once: of what could not be taken down, the lease stays, and the
  // guard tries again when this process has ended. Never interrupted; does not throw: what fails is in the
  // report and in run.json.
  void TearDownIfOwed();

  const RunDirectory& run() const { return run_; }
  const RunRecord& record() const { return record_; }
  const Discovery& discovery() const { return discovery_; }  // empty before Collect
  // After TearDownIfOwed did something.
  const std::optional<TeardownReport>& teardown() const { return teardown_; }
  // Writes run.json again with `error` as the reason why there is nothing to judge.
  void RecordError(const std::string& error);

 private:
  template <typename Body>
  void Phase(const std::string& name, const std::string& doing, Body body);
  void ClaimHost();
  // Notes in the lease that the host is this run's to bring down, unless it is up. Throws Error where that cannot be
  // told and the profile's host.down could reach another's host.
  void NoteHostDown();
  // Corrects that once the host is up, and told who brought it up. Returns whether it is this run's.
  bool SettleHostDown();
  void BringHostUp();
  void CheckBeforeDeploying();
  void LookBefore();
  void RunCreate();
  void DiscoverNodes();
  void CollectFromNodes(const std::vector<std::string>& probes);
  void CollectFromHost();
  void SaveConsoleLogs();
  std::vector<DisruptionTarget> GpuNodesToDisturb() const;
  LibvirtConnection& Libvirt();
  Inventory TakeInventory();  // throws TimeoutError, too
  void WriteRecord();
  void TryToWriteRecord();  // where it cannot, tells that only
  void UpdateLease();
  void RequireRunDirectory() const;  // throws Error where it was deleted
  // Notes GPUs in the lease while they are unplugged, where the cluster outlives the run: a lease and a guard of
  // an attached run begin here.
  GpuDebts NoteUnplugged();
  // The lease of an attached run ends where nothing is owed.
  void EndAttachedLease();
  // Runs a command whose process group is in the lease while it runs.
  ChildResult RunOwed(const std::vector<std::string>& argv, ChildOptions options,
                      const Deadline& deadline);

  RunSettings settings_;
  RunDirectory run_;
  Progress& progress_;
  RunRecord record_;
  Lease lease_;
  std::string last_problem_;  // of a record that could not be written, told once
  std::mutex lease_mutex_;  // nodes are disturbed all at once
  HostKeys host_keys_;  // of the whole run: a key may not change between its phases either
  std::optional<LibvirtConnection> libvirt_;
  Discovery discovery_;
  std::optional<TeardownReport> teardown_;
};

}  // namespace passthrough
