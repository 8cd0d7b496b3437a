#include "helpers/recovery/claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/recovery/reattach.h"
#include "helpers/recovery/teardown.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"

namespace passthrough {
namespace {

bool Meet(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  return std::any_of(one.begin(), one.end(), [&](const std::string& name) {
    return std::find(other.begin(), other.end(), name) != other.end();
  });
}

std::string WhoHolds(const PendingRun& pending) {
  if (pending.state == PendingRun::State::kKept) {
    return fmt::format(
        "the cluster of {} is kept by an earlier run ({}, --no-cleanup). Look at it as it is with "
        "--attach, or take it down: {}",
        pending.record.config, pending.run.string(), SuiteCommand({"--destroy", pending.run.string()}));
  }
  if (pending.state == PendingRun::State::kElsewhere) {
    return fmt::format(
        "the cluster of {} is held by a run on another machine or in another container, {}. Where that "
        "is gone for good, take down what it left: {}",
        pending.record.config, pending.run.string(), SuiteCommand({"--destroy", pending.run.string()}));
  }
  return fmt::format(
      "the cluster of {} is held by a run that goes on: process {}, {}. Wait for its end, "
      "or end it with: kill -INT {}",
      pending.record.config, pending.record.owner.pid, pending.run.string(), pending.record.owner.pid);
}

std::string HowToForget(const std::filesystem::path& run) {
  const std::string name = RegistryName(run);
  return fmt::format(
      "the teardown of {} stays pending, and is tried again by the next run of that cluster. Where its host is gone "
      "for "
      "good, with all that was on it, forget the run: {}",
      run.string(), ShellCommand({"rm", "-r", (RecordCopies() / name).string(), (RegisteredRuns() / name).string()}));
}

// Returns whether nothing of it remains.
bool TakeDown(const PendingRun& pending, Progress& progress) {
  progress.Line(
      fmt::format("an earlier run was killed and its teardown is pending ({}): taking down "
                  "what is left of {}",
                  pending.run.string(), pending.record.config));
  if (pending.run != pending.record.run) {
    progress.Line(
        fmt::format("its run directory {} was deleted, or cannot be reached; what teardown needs of it had been kept",
                    pending.record.run));
  }
  try {
    const RunDirectory run = RunDirectory::Open(pending.run);
    const TeardownReport report = TearDown(run, progress);
    for (const std::string& problem : report.Problems()) progress.Line(Printable(problem));
    return !IsTeardownPending(run.path());
  } catch (const InterruptedError&) {
    throw;
  } catch (const std::exception& error) {              // other runs are pending a teardown, too
    if (!IsTeardownPending(pending.run)) return true;  // another process did it meanwhile
    progress.Line(Printable(error.what()));
    return false;
  }
}

// Of a run that is gone and whose cluster stays. Returns whether none is missing.
bool ReattachGpus(const PendingRun& pending, Progress& progress, const ReattachLimits& limits) {
  if (pending.state != PendingRun::State::kKept) return true;
  try {
    return ReattachGpus(RunDirectory::Open(pending.run), progress, limits);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    progress.Line(Printable(error.what()));
    return !IsTeardownPending(pending.run) || pending.record.unplugged.empty();
  }
}

}  // namespace

bool Conflicts(const TeardownRecord& one, const TeardownRecord& other) {
  if (one.host_id != other.host_id) return false;
  if (!one.host_down.empty() || !other.host_down.empty()) return true;
  return Meet(one.domains, other.domains) || Meet(one.networks, other.networks) || Meet(one.pools, other.pools);
}

void RequireEnded(const RunDirectory& run, const TeardownRecord& record) {
  const PendingRun pending{run.path(), record, StateOf(record)};
  if (pending.state == PendingRun::State::kHeld) throw Error(WhoHolds(pending));
}

void RegisterAttached(const RunDirectory& run, const TeardownRecord& record) {
  RunRegistry registry;
  registry.Add(run, record);
}

bool ReattachGpusOfKilledRuns(const std::string& host_id, Progress& progress) {
  bool clean = true;
  const std::vector<PendingRun> all = RunRegistry().Pending();
  for (const PendingRun& pending : all) {
    if (pending.record.host_id == host_id && !pending.record.unplugged.empty())
      clean &= ReattachGpus(pending, progress, kStartLimits);
  }
  return clean;
}

void Claim(const RunDirectory& run, const TeardownRecord& record, Progress& progress,
           const std::function<void()>& before_looking) {
  ReattachGpusOfKilledRuns(record.host_id, progress);
  while (true) {
    if (before_looking) before_looking();  // after a teardown, the host may be another's or none
    std::optional<PendingRun> in_the_way;
    {
      RunRegistry registry;
      std::vector<std::string> unreadable;
      const std::vector<PendingRun> all = registry.Pending(&unreadable);
      for (const std::string& problem : unreadable) progress.Line(problem);
      for (const PendingRun& pending : all) {
        if (!Conflicts(pending.record, record)) continue;
        if (pending.state != PendingRun::State::kStale) throw Error(WhoHolds(pending));
        in_the_way = pending;
        break;
      }
      if (!in_the_way) {
        registry.Add(run, record);
        return;
      }
    }
    // Without the registry's lock: it takes its time, and ends by taking the entry out.
    if (!TakeDown(*in_the_way, progress)) {
      throw Error(
          fmt::format("what the killed run {} left could not be taken down; see above. Remove it by "
                      "hand (docs/manual.md, Manual cleanup), then start again",
                      in_the_way->run.string()));
    }
  }
}

bool ReapStaleRuns(Progress& progress) {
  std::vector<PendingRun> all;
  std::vector<std::string> unreadable;
  {
    RunRegistry registry;
    all = registry.Pending(&unreadable);
  }
  if (all.empty() && unreadable.empty()) progress.Line("no teardown is pending");
  for (const std::string& problem : unreadable) progress.Line(problem);
  bool clean = unreadable.empty();
  for (const PendingRun& pending : all) {
    if (pending.state == PendingRun::State::kStale) {
      if (TakeDown(pending, progress)) continue;
      clean = false;
      progress.Line(HowToForget(pending.run));
      continue;
    }
    clean &= ReattachGpus(pending, progress, kReapLimits);
    if (pending.state != PendingRun::State::kKept || pending.record.kept) {
      progress.Line("left alone: " + WhoHolds(pending));
    }
  }
  return clean;
}

}  // namespace passthrough
