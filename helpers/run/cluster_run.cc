#include "helpers/run/cluster_run.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <utility>

#include "helpers/base/text.h"
#include "helpers/cluster/ai_how_problems.h"
#include "helpers/recovery/claim.h"
#include "helpers/run/deploy_phase.h"
#include "helpers/run/disrupt_phase.h"
#include "helpers/run/host_phase.h"
#include "helpers/run/preflight.h"
#include "helpers/teardown_record/record_home.h"

namespace passthrough {
namespace {

// The host of profile `lab` is up for one run, unless somebody brought it up or had it kept.
void RequireHostIsUp(const Profile& profile) {
  std::error_code unknown;
  if (std::filesystem::exists(profile.host->facts, unknown) || unknown) return;
  throw Error(fmt::format(
      "there is nothing to attach to: the host of profile {} is not up ({} is not there). For a cluster on a real "
      "host, name its profile: --profile host, or another of configs/profiles/. For one in the host of this profile: a "
      "run "
      "without --attach, with --no-cleanup, leaves one",
      profile.name, profile.host->facts.string()));
}

}  // namespace

ClusterRun::ClusterRun(RunSettings settings, RunDirectory run, Progress& progress)
    : state_(std::move(settings), std::move(run), progress), pending_(state_), collect_(state_) {}

void ClusterRun::Deploy() {
  ClaimHost(state_, pending_);
  BringHostUp(state_, pending_);
  CheckBeforeDeploying(state_, pending_);
  CreateCluster(state_, pending_);
}

void ClusterRun::Attach() {
  if (state_.profile().host) {
    RequireHostIsUp(state_.profile());
    state_.ResolveProfileOfHost();
  }
  ThrowProblems(SshKeyProblems(state_.profile()));
  for (const std::string& note : NotesBefore(state_.plan(), state_.profile(), false)) {
    state_.progress().Line("NOTE: " + Printable(note));
  }
  try {
    const TeardownRecord record = MakeAttachedRecord(state_.plan(), state_.profile(), run().path());
    ReattachGpusOfKilledRuns(record.host_id, state_.progress());
  } catch (const Error& error) {  // the checks report what the nodes lack
    state_.progress().Line(Printable(error.what()));
  }
}

void ClusterRun::Collect(const std::vector<std::string>& probes) {
  state_.record().probes = probes;
  collect_.Discover();
  if (!probes.empty()) collect_.CollectFromNodes(probes);
  collect_.CollectFromHost();
}

void ClusterRun::DisruptNodes(const DisruptionRequest& request) {
  DisruptGpuNodes(request, state_, pending_, collect_);
}

void ClusterRun::TearDownIfPending() {
  // What is left of an attached run's is the guard's.
  const TeardownRecord& record = pending_.record;
  const bool is_kept = record.attached || (state_.settings().keep_cluster && record.deployed);
  if (is_kept || teardown_ || !IsTeardownPending(run().path())) return;
  const auto start = std::chrono::steady_clock::now();
  state_.CloseNodeSource();
  try {
    teardown_ = TearDown(RecordHome(run()), state_.progress());
  } catch (const std::exception& error) {
    teardown_ = TeardownReport{};
    teardown_->look_error = error.what();
  }
  const std::string failed = fmt::format("{}", fmt::join(teardown_->Problems(), "\n"));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  state_.record().phases.push_back({.name = "destroy", .seconds = took.count(), .error = failed});
  state_.TryToWriteRecord();
}

}  // namespace passthrough
