// What the phases of a run share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "helpers/cluster/node_source.h"
#include "helpers/evidence/collector.h"
#include "helpers/run/run_settings.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/rundir/run_record.h"
#include "helpers/ssh/host_keys.h"

namespace passthrough {

// The settings of a run, its directory, and run.json, which is written as each phase ends. Belongs to one thread.
class RunState {
 public:
  // Writes run.json and the copy of the cluster file. Throws Error.
  RunState(RunSettings settings, RunDirectory run, Progress& progress);
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;

  const RunSettings& settings() const { return settings_; }
  const Plan& plan() const { return settings_.plan; }
  // Resolved: until the host of the run is up, with the facts of one that was up before.
  const Profile& profile() const { return profile_; }
  // Once the host is up. Throws ConfigError where its facts are missing or broken.
  void ResolveProfileOfHost() { profile_ = ResolveProfile(settings_.profile, HostFacts::kRequired); }
  const RunDirectory& run() const { return run_; }
  Progress& progress() { return progress_; }
  RunRecord& record() { return record_; }
  const RunRecord& record() const { return record_; }
  // Of the whole run: a key may not change between its phases either. From when the host is up.
  HostKeys& host_keys();

  // Runs `body`, which returns the words for the end of the step, and records in run.json how long it took and the
  // Error that it threw, which is passed on.
  void Phase(const std::string& name, const std::string& doing, const std::function<std::string()>& body);
  void WriteRecord();
  // Where run.json cannot be written, reports that, once, and goes on.
  void TryToWriteRecord();
  void RecordError(const std::string& error);
  // For every report, and shown at once: what may be in order, and could not be seen.
  void Note(const std::string& note);

  // How every snapshot of a node is collected, in whichever phase: from the settings, into evidence/, with this run's
  // host keys and progress. The caller sets the probes. `jump` may be nullptr.
  CollectOptions CollectOptionsWith(JumpHost* jump);
  // The profile's jump host; nullptr where it has none. Throws SshError, TimeoutError.
  std::unique_ptr<JumpHost> ConnectToJumpHost(const Deadline& deadline);

  // What finds the nodes. From when the host is up.
  NodeSource& nodes();
  void CloseNodeSource() { nodes_.reset(); }

 private:
  const RunSettings settings_;
  Profile profile_;
  const RunDirectory run_;
  Progress& progress_;
  RunRecord record_;
  std::map<std::string, double> estimates_;  // of phases, in seconds
  std::string last_problem_;                 // of a record that could not be written
  std::optional<HostKeys> host_keys_;
  std::unique_ptr<NodeSource> nodes_;
};

}  // namespace passthrough
