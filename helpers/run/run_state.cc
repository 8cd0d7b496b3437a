#include "helpers/run/run_state.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/cluster/libvirt_nodes.h"
#include "helpers/config/variables.h"
#include "helpers/run/versions.h"
#include "helpers/rundir/phase_estimates.h"
#include "helpers/teardown_record/record_home.h"

namespace passthrough {

RunState::RunState(RunSettings settings, RunDirectory run, Progress& progress)
    : settings_(std::move(settings)),
      profile_(ResolveProfile(settings_.profile, HostFacts::kIfThere)),
      run_(std::move(run)),
      progress_(progress) {
  record_.mode = settings_.mode;
  record_.started = fmt::format("{:%Y-%m-%dT%H:%M:%S%z}", fmt::localtime(std::time(nullptr)));
  record_.config = settings_.plan.config_path;
  record_.cluster = settings_.plan.name;
  record_.profile = settings_.profile.name;
  record_.target = settings_.target;
  record_.filter = settings_.filter;
  record_.disruptive = settings_.disruptive;
  record_.reboots = settings_.disruptive ? settings_.reboots : 0;
  record_.cleanup = settings_.mode != RunMode::kAttach && !settings_.keep_cluster;
  record_.versions = LibraryVersions();
  estimates_ = EstimatePhases(run_.path().parent_path(), record_);
  WriteFile(run_.ClusterFile(), ReadFile(settings_.plan.config_path));
  if (!settings_.plan.variables.empty()) {
    WriteFile(run_.ClusterVariables(), WriteVariables(settings_.plan.variables), 0600);
  }
  WriteRecord();
}

void RunState::Phase(const std::string& name, const std::string& doing, const std::function<std::string()>& body) {
  const auto estimate = estimates_.find(name);
  progress_.Begin(doing, estimate == estimates_.end() ? 0 : estimate->second);
  try {
    const std::string done = body();
    record_.phases.push_back({.name = name, .seconds = progress_.End(done), .error = ""});
    WriteRecord();
  } catch (const Error& error) {
    const double took = progress_.End(doing + ": failed");
    record_.phases.push_back({.name = name, .seconds = took, .error = error.what()});
    TryToWriteRecord();
    throw;
  }
}

void RunState::WriteRecord() {
  record_.libvirt_uri = profile().libvirt_uri;
  record_.stub_driver = profile().stub_driver;
  std::vector<const PlannedNode*> nodes;
  for (const PlannedNode& node : plan().nodes) {
    if (settings_.Wants(node.name)) nodes.push_back(&node);
  }
  record_.may_be_overwritten.clear();
  for (const PciAddress& address : profile().may_be_overwritten) {
    record_.may_be_overwritten.push_back(address.ToString());
  }
  record_.not_checked = NotChecked(record_.stub_driver, nodes, record_.may_be_overwritten);
  record_.emulated_devices = profile().emulated_devices;
  record_.least_link_percent = profile().least_link_percent.value_or(0);
  WriteRunRecord(run_.RunJson(), record_);
}

void RunState::TryToWriteRecord() {
  try {
    WriteRecord();
  } catch (const Error& problem) {  // a full disk
    const bool deleted = StatFile(run_.path()) == FileStatus::kGone;
    const std::string what =
        deleted ? run_.path().string() + " was deleted while the run went on: there is no report" : problem.what();
    if (std::exchange(last_problem_, what) != what) progress_.Line(Printable(what));
  }
}

void RunState::RecordError(const std::string& error) {
  record_.error = error;
  TryToWriteRecord();
}

void RunState::Note(const std::string& note) {
  record_.notes.push_back(Printable(note));
  progress_.Line("NOTE: " + record_.notes.back());
}

CollectOptions RunState::CollectOptionsWith(JumpHost* jump) {
  const TimeLimits& limits = profile().time_limits;
  CollectOptions options;
  options.remote_directory = settings_.remote_directory;
  options.program_directory = settings_.program_directory;
  options.evidence_directory = run_.Evidence();
  options.jump = jump;
  options.host_keys = &host_keys();
  options.ready_limit = limits.ssh;
  options.collect_limit = limits.collect;
  options.probe_scale = limits.probe_scale;
  options.nodes_at_once = profile().nodes_at_once;
  options.gpu_memory_percent = profile().gpu_memory_percent;
  options.on_progress = [this](const std::string& node, const std::string& what) { progress_.Say(node + ": " + what); };
  return options;
}

std::unique_ptr<JumpHost> RunState::ConnectToJumpHost(const Deadline& deadline) {
  if (!profile().jump) return nullptr;
  return std::make_unique<JumpHost>(*profile().jump, host_keys(), deadline);
}

HostKeys& RunState::host_keys() {
  if (!host_keys_) host_keys_.emplace(run_.KnownHosts(), profile_.known_hosts);
  return *host_keys_;
}

NodeSource& RunState::nodes() {
  if (!nodes_) {
    nodes_ = settings_.node_source ? settings_.node_source(profile_)
                                   : std::make_unique<LibvirtNodes>(profile_.libvirt_uri, profile_.time_limits.libvirt);
  }
  return *nodes_;
}

}  // namespace passthrough
