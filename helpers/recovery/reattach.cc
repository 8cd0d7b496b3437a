#include "helpers/recovery/reattach.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/disruption/pending_reattach.h"
#include "helpers/libvirt/connection.h"
#include "helpers/recovery/host_status.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"
#include "helpers/teardown_record/teardown_lock.h"

namespace passthrough {
namespace {

Deadline Within(const ReattachLimits& limits, Deadline::Clock::duration limit) {
  const Deadline deadline = Deadline::After(limit);
  return limits.interruptible ? deadline : deadline.Uninterruptible();
}

std::string MayBeMissing(const DetachedGpu& gpu, const std::string& why) {
  return fmt::format("{} was unplugged from domain {} and may not be back: {}", gpu.Name(), gpu.domain, why);
}

using Report = std::function<void(const std::string&)>;

// Returns whether a GPU is missing.
bool ReattachGpusOf(TeardownRecord& record, Progress& progress, const ReattachLimits& limits) {
  if (record.unplugged.empty()) return false;
  const Report report = [&](const std::string& what) { progress.Line(Printable(what)); };
  try {
    const auto libvirt = LibvirtConnection::Open(record.libvirt_uri, Within(limits, limits.connect));
    const DomainFinder domains = [&](const std::string& name) { return OpenLiveDomain(libvirt, name); };
    NotReattached still = Reattach(record.unplugged, domains, report, limits);
    record.unplugged = std::move(still.pending);
    return still.missing;
  } catch (const InterruptedError&) {
    return true;
  } catch (const Error& error) {
    if (HostIsKnownDown(record.host_status)) {
      report("the host is down, and with it the domains whose GPUs were unplugged");
      record.unplugged.clear();
      return false;
    }
    for (const DetachedGpu& one : record.unplugged) report(MayBeMissing(one, error.what()));
    return true;
  }
}

std::string WhatToDo(const RunDirectory& run, const TeardownRecord& record, bool missing) {
  const std::string how = missing
                              ? "To try again, once what is named above is mended: "
                              : "The guest still holds its GPU. Once it has let it go, the next run plugs it in again, "
                                "and so does: ";
  return fmt::format(
      "{}{}\nTo give up on it ({}): {}", how, SuiteCommand({"--reap"}),
      record.attached ? "this tries once more, and leaves the cluster as it is" : "this takes the cluster down",
      SuiteCommand({"--destroy", run.path().string()}));
}

// The file that a person's command names went with a run directory that was deleted.
void KeepFile(const RunDirectory& run, DetachedGpu& gpu) {
  if (StatFile(gpu.file) != FileStatus::kGone) return;
  const std::filesystem::path file = run.Evidence() / "host" / std::filesystem::path(gpu.file).filename();
  try {
    WriteFile(file, gpu.hostdev);
    gpu.file = file.string();
  } catch (const Error&) {
    // Then there is none. It is a person's only.
  }
}

}  // namespace

NotReattached Reattach(const std::vector<DetachedGpu>& detached, const DomainFinder& domains, const Report& report,
                       const ReattachLimits& limits) {
  const Deadline busy = Within(limits, limits.busy);
  const Deadline guest = Within(limits, limits.guest);
  NotReattached still;
  bool interrupted = false;
  // As they were recorded, the last one first: see UnpluggedGpus::PlugIn.
  for (const DetachedGpu& one : std::vector<DetachedGpu>(detached.rbegin(), detached.rend())) {
    if (interrupted) {
      still.pending.push_back(one);
      continue;
    }
    std::shared_ptr<LiveDomain> domain;
    std::optional<PendingReattach> pending;
    std::string why;
    try {
      domain = domains(one.domain);
      pending.emplace(one, *domain);
      why = pending->TryUntil(busy, guest, limits.interruptible);
      if (pending->IsOver()) {
        report(pending->Outcome());
        continue;
      }
    } catch (const InterruptedError& error) {
      interrupted = true;
      why = error.what();
    } catch (const Error& error) {
      why = error.what();
    }
    still.pending.push_back(pending ? pending->gpu() : one);
    still.missing |= !pending || pending->state() != PendingReattach::State::kInGuest;
    report(pending ? pending->Problem(why) : MayBeMissing(one, why));
  }
  std::reverse(still.pending.begin(), still.pending.end());  // in the order of `detached`
  return still;
}

bool ReattachGpus(const RunDirectory& run, Progress& progress, const ReattachLimits& limits) {
  const TeardownLock lock(run, progress);
  if (!IsTeardownPending(run.path())) return true;  // another process did it meanwhile
  TeardownRecord record = ReadRecordOf(run);
  const std::vector<DetachedGpu> before = record.unplugged;
  for (DetachedGpu& gpu : record.unplugged) KeepFile(run, gpu);
  const bool missing = ReattachGpusOf(record, progress, limits);
  if (record.attached && record.unplugged.empty()) {
    CloseTeardownRecord(run);
  } else if (record.unplugged != before) {
    UpdateRecordOf(run, record);
  }
  if (!record.unplugged.empty()) progress.Line(Printable(WhatToDo(run, record, missing)));
  return !missing;
}

void AbandonDetachedGpus(TeardownRecord& record, Progress& progress) {
  ReattachGpusOf(record, progress, kOnce);
  for (const DetachedGpu& one : record.unplugged) {
    progress.Line(Printable(
        fmt::format("given up: {} is not plugged into domain {} by the suite any more", one.Name(), one.domain)));
  }
  record.unplugged.clear();
}

}  // namespace passthrough
