#include "helpers/run/run_registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>

#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/run/owed_gpus.h"
#include "helpers/run/run_record.h"
#include "helpers/run/teardown.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

bool Meet(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  return std::any_of(one.begin(), one.end(), [&](const std::string& name) {
    return std::find(other.begin(), other.end(), name) != other.end();
  });
}

OwedRun::State StateOf(const Lease& lease) {
  if (lease.owner.place != ThisPlace()) return OwedRun::State::kElsewhere;
  if (IsAlive(lease.owner)) return OwedRun::State::kHeld;
  return lease.ClusterStays() ? OwedRun::State::kKept : OwedRun::State::kStale;
}

std::string WhoHolds(const OwedRun& owed) {
  if (owed.state == OwedRun::State::kKept) {
    return fmt::format("the cluster of {} is kept by an earlier run ({}, --no-cleanup). Look at it as it is with "
                       "--attach, or take it down: {}",
                       owed.lease.config, owed.run.string(), SuiteCommand({"--destroy", owed.run.string()}));
  }
  if (owed.state == OwedRun::State::kElsewhere) {
    return fmt::format("the cluster of {} is held by a run on another machine or in another container, {}. Where that "
                       "is gone for good, take down what it left: {}",
                       owed.lease.config, owed.run.string(), SuiteCommand({"--destroy", owed.run.string()}));
  }
  return fmt::format("the cluster of {} is held by a run that goes on: process {}, {}. Wait for its end, "
                     "or end it with: kill -INT {}",
                     owed.lease.config, owed.lease.owner.pid, owed.run.string(), owed.lease.owner.pid);
}

// Where the lease does not tell.
std::string LibvirtUriOf(const fs::path& run) {
  try {
    return ReadRunRecord(run / "run.json").libvirt_uri;
  } catch (const Error&) {
    return "URI";  // to be filled in by whoever knows
  }
}

// Somebody else did what was owed, and what was kept of a deleted run went with it.
bool IsSettled(const OwedRun& owed) {
  std::error_code error;
  return !fs::exists(owed.run / "lease.json", error) && !error;
}

// Returns whether nothing of it remains.
bool TakeDown(const OwedRun& owed, Progress& progress) {
  progress.Line(fmt::format("an earlier run was killed and still owes its teardown ({}): taking down "
                            "what is left of {}",
                            owed.run.string(), owed.lease.config));
  if (owed.run != owed.lease.run) {
    progress.Line(fmt::format("its run directory {} was deleted meanwhile; what teardown needs of it had been kept",
                              owed.lease.run));
  }
  try {
    const RunDirectory run = RunDirectory::Open(owed.run);
    const TeardownReport report = TearDown(run, progress);
    for (const std::string& error : {report.look_error, report.reap_error, report.host_error}) {
      if (!error.empty()) progress.Line(Printable(error));
    }
    return !fs::exists(run.LeaseJson());
  } catch (const InterruptedError&) {
    throw;
  } catch (const std::exception& error) {  // other runs are owed a teardown, too
    if (IsSettled(owed)) return true;
    progress.Line(Printable(error.what()));
    return false;
  }
}

// Of a run that is gone and whose cluster stays. Returns whether none is missing.
bool GiveGpusBack(const OwedRun& owed, Progress& progress, const GiveBackLimits& limits) {
  if (owed.state != OwedRun::State::kKept) return true;
  try {
    return GiveGpusBack(RunDirectory::Open(owed.run), progress, limits);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    progress.Line(Printable(error.what()));
    return IsSettled(owed) || owed.lease.unplugged.empty();
  }
}

fs::path Runs() { return UserStateDirectory() / "runs"; }
fs::path Copies() { return UserStateDirectory() / "leases"; }

// A run's own name is its time to the second: runs of other log directories may have the same one. That of what is
// kept of a run is the run's.
std::string EntryName(const fs::path& run) {
  if (run.parent_path() == Copies()) return run.filename().string();
  return fmt::format("{}-{:016x}", run.filename().string(), std::hash<std::string>()(run.string()));
}

fs::path CopyOf(const fs::path& run) { return Copies() / EntryName(run); }

// Not merely its lease, which is gone when the run ended; nor is it out of reach for a while.
bool IsDeleted(const fs::path& run) {
  std::error_code run_error;
  std::error_code lease_error;
  const bool is_there = fs::exists(run / "run.json", run_error) || fs::exists(run / "lease.json", lease_error);
  return !is_there && !run_error && !lease_error;
}

// What teardown needs beside the lease, which is written whenever it changes.
void Keep(const RunDirectory& run) {
  const fs::path copy = CopyOf(run.path());
  fs::remove_all(copy);
  fs::create_directories(copy / "evidence" / "host");
  fs::permissions(copy, fs::perms::owner_all);
  fs::copy_file(run.RunJson(), copy / "run.json");
  const fs::path cluster = fs::path("evidence") / "cluster.yaml";
  if (fs::exists(run.path() / cluster)) fs::copy_file(run.path() / cluster, copy / cluster);
  WriteLease(copy / "lease.json", ReadLease(run.LeaseJson()));
}

}  // namespace

std::string RegistryName(const RunDirectory& run) { return EntryName(run.path()); }

RunDirectory LeaseHome(const RunDirectory& run) {
  const fs::path copy = CopyOf(run.path());
  if (!IsDeleted(run.path()) || !fs::exists(copy / "lease.json")) return run;
  return RunDirectory::Open(copy);
}

void WriteRunLease(const RunDirectory& run, const Lease& lease) {
  WriteLease(run.LeaseJson(), lease);
  const fs::path copy = CopyOf(run.path()) / "lease.json";
  if (copy != run.LeaseJson() && fs::exists(copy)) WriteLease(copy, lease);
}

RunRegistry::RunRegistry() : directory_(Runs()) {
  std::error_code error;
  fs::create_directories(directory_, error);
  lock_ = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0 || flock(lock_, LOCK_EX) != 0) {
    const std::string reason = strerror(errno);
    if (lock_ >= 0) close(lock_);
    throw Error(fmt::format("{}: {}: it is where runs are noted whose teardown is owed; set XDG_STATE_HOME "
                            "to a directory that you can write to",
                            directory_.string(), reason));
  }
}

RunRegistry::~RunRegistry() { close(lock_); }

void RunRegistry::Forget(const fs::path& entry) {
  std::error_code ignored;
  fs::remove(entry, ignored);
  fs::remove_all(Copies() / entry.filename(), ignored);
}

std::vector<OwedRun> RunRegistry::Owed(std::vector<std::string>* unreadable) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(directory_)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  std::vector<OwedRun> owed;
  for (const fs::path& entry : entries) {
    std::error_code error;
    fs::path run = fs::read_symlink(entry, error);
    if (error) continue;  // not ours
    bool is_there = fs::exists(run / "lease.json", error);
    if (error) continue;
    if (const fs::path copy = Copies() / entry.filename(); !is_there && IsDeleted(run)) {
      run = copy;
      is_there = fs::exists(copy / "lease.json", error);
    }
    if (!is_there) {
      Forget(entry);
      continue;
    }
    const fs::path lease = run / "lease.json";
    try {
      OwedRun one{run, ReadLease(lease), OwedRun::State::kStale};
      one.state = StateOf(one.lease);
      owed.push_back(std::move(one));
    } catch (const Error& problem) {
      if (unreadable == nullptr) continue;
      unreadable->push_back(fmt::format("{}. Look what that run left, remove it, and then this file. To look: {}",
                                        Printable(problem.what()),
                                        VirshCommand(LibvirtUriOf(run), {"list", "--all"})));
    }
  }
  return owed;
}

void RunRegistry::Add(const RunDirectory& run) {
  const fs::path entry = directory_ / EntryName(run.path());
  try {
    Keep(run);
    fs::remove(entry);
    fs::create_symlink(run.path(), entry);
  } catch (const fs::filesystem_error& error) {
    throw Error(fmt::format("cannot register {} in {}: {}", run.path().string(), entry.string(), error.what()));
  }
}

void RunRegistry::Remove(const fs::path& run) {
  Forget(directory_ / EntryName(run));
}

bool InEachOthersWay(const Lease& one, const Lease& other) {
  if (one.place != other.place) return false;
  if (!one.host_down.empty() || !other.host_down.empty()) return true;
  return Meet(one.domains, other.domains) || Meet(one.networks, other.networks) ||
         Meet(one.pools, other.pools);
}

void RequireEnded(const RunDirectory& run, const Lease& lease) {
  const OwedRun owed{run.path(), lease, StateOf(lease)};
  if (owed.state == OwedRun::State::kHeld) throw Error(WhoHolds(owed));
}

void RegisterAttached(const RunDirectory& run, const Lease& lease) {
  RunRegistry registry;
  WriteLease(run.LeaseJson(), lease);
  registry.Add(run);
}

bool GiveBackWhatKilledRunsUnplugged(const std::string& place, Progress& progress) {
  bool clean = true;
  const std::vector<OwedRun> all = RunRegistry().Owed();
  for (const OwedRun& owed : all) {
    if (owed.lease.place == place && !owed.lease.unplugged.empty()) clean &= GiveGpusBack(owed, progress, kOfStart);
  }
  return clean;
}

void Claim(const RunDirectory& run, const Lease& lease, Progress& progress,
           const std::function<void()>& before_looking) {
  GiveBackWhatKilledRunsUnplugged(lease.place, progress);
  while (true) {
    if (before_looking) before_looking();  // after a teardown, the host may be another's or none
    std::optional<OwedRun> in_the_way;
    {
      RunRegistry registry;
      std::vector<std::string> unreadable;
      const std::vector<OwedRun> all = registry.Owed(&unreadable);
      for (const std::string& problem : unreadable) progress.Line(problem);
      for (const OwedRun& owed : all) {
        if (!InEachOthersWay(owed.lease, lease)) continue;
        if (owed.state != OwedRun::State::kStale) throw Error(WhoHolds(owed));
        in_the_way = owed;
        break;
      }
      if (!in_the_way) {
        WriteLease(run.LeaseJson(), lease);
        registry.Add(run);
        return;
      }
    }
    // Without the registry's lock: it takes its time, and ends by taking the entry out.
    if (!TakeDown(*in_the_way, progress)) {
      throw Error(fmt::format("what the killed run {} left could not be taken down; see above. Remove it by "
                              "hand (docs/manual.md, Manual cleanup), then start again",
                              in_the_way->run.string()));
    }
  }
}

bool ReapStaleRuns(Progress& progress) {
  std::vector<OwedRun> all;
  std::vector<std::string> unreadable;
  {
    RunRegistry registry;
    all = registry.Owed(&unreadable);
  }
  if (all.empty() && unreadable.empty()) progress.Line("no run owes a teardown");
  for (const std::string& problem : unreadable) progress.Line(problem);
  bool clean = unreadable.empty();
  for (const OwedRun& owed : all) {
    if (owed.state == OwedRun::State::kStale) {
      clean &= TakeDown(owed, progress);
      continue;
    }
    clean &= GiveGpusBack(owed, progress, kOfReap);
    if (owed.state != OwedRun::State::kKept || owed.lease.kept) {
      progress.Line("left alone: " + WhoHolds(owed));
    }
  }
  return clean;
}

}  // namespace passthrough
