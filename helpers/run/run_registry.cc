#include "helpers/run/run_registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/run/lease_home.h"
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

// Returns whether nothing of it remains.
bool TakeDown(const OwedRun& owed, Progress& progress) {
  progress.Line(fmt::format("an earlier run was killed and still owes its teardown ({}): taking down "
                            "what is left of {}",
                            owed.run.string(), owed.lease.config));
  if (owed.run != owed.lease.run) {
    progress.Line(fmt::format("its run directory {} was deleted, or cannot be reached; what teardown needs of it had been kept",
                              owed.lease.run));
  }
  try {
    const RunDirectory run = RunDirectory::Open(owed.run);
    const TeardownReport report = TearDown(run, progress);
    for (const std::string& error : {report.look_error, report.reap_error, report.host_error}) {
      if (!error.empty()) progress.Line(Printable(error));
    }
    return !IsLeased(run.path());
  } catch (const InterruptedError&) {
    throw;
  } catch (const std::exception& error) {  // other runs are owed a teardown, too
    if (!IsLeased(owed.run)) return true;  // somebody else did it meanwhile
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
    return !IsLeased(owed.run) || owed.lease.unplugged.empty();
  }
}

// The run directory to which `entry` points; empty where it is no link.
fs::path TargetOf(const fs::path& entry) {
  std::error_code error;
  fs::path run = fs::read_symlink(entry, error);
  return error ? fs::path() : run;
}

// All that teardown needs, the lease last: what has none owes nothing.
void Keep(const RunDirectory& run, const Lease& lease) {
  const fs::path copy = LeaseCopyOf(run);
  fs::remove_all(copy);
  fs::create_directories(copy / "evidence" / "host");
  fs::permissions(copy, fs::perms::owner_all);
  fs::copy_file(run.RunJson(), copy / "run.json");
  const fs::path cluster = fs::path("evidence") / "cluster.yaml";
  if (fs::exists(run.path() / cluster)) fs::copy_file(run.path() / cluster, copy / cluster);
  WriteFile(copy / kLockFile, "", 0600);
  WriteLease(copy / "lease.json", lease);
}

}  // namespace

RunRegistry::RunRegistry() : directory_(RegisteredRuns()) {
  std::error_code error;
  fs::create_directories(directory_, error);
  lock_ = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A signal ends no wait for it: nobody holds it for long, and what is torn down needs it, too.
  const auto lock = [this] {
    int result = 0;
    while ((result = flock(lock_, LOCK_EX)) != 0 && errno == EINTR) {
    }
    return result == 0;
  };
  if (lock_ < 0 || !lock()) {
    const std::string reason = strerror(errno);
    if (lock_ >= 0) close(lock_);
    throw Error(fmt::format("{}: {}: it is where runs are noted whose teardown is owed; set XDG_STATE_HOME "
                            "to a directory that you can write to",
                            directory_.string(), reason));
  }
}

RunRegistry::~RunRegistry() { close(lock_); }

// In this order: who is killed between two steps leaves a lease, or what says that it has ended, which is what is kept
// without a lease. The next Owed() finishes that.
void RunRegistry::Forget(const std::string& name, const fs::path& run) {
  const fs::path copy = LeaseCopies() / name;
  std::error_code error;
  fs::remove(copy / "lease.json", error);
  if (error && LookFor(copy / "lease.json") != Presence::kGone) {
    throw Error(fmt::format("cannot end the lease {}: {}", (copy / "lease.json").string(), error.message()));
  }
  if (!run.empty()) fs::remove(run / "lease.json", error);
  if (!run.empty() && LookFor(run / "lease.json") != Presence::kGone) return;  // out of reach, or read-only, for a while
  fs::remove_all(copy, error);
  fs::remove(directory_ / name, error);
}

// Also of what has no link: killed while it was registered, or somebody removed that.
std::vector<std::string> RunRegistry::Names() const {
  std::set<std::string> names;
  for (const fs::path& directory : {directory_, LeaseCopies()}) {
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
      names.insert(at->path().filename().string());
    }
    if (error && LookFor(directory) != Presence::kGone) {
      throw Error(fmt::format("cannot read {}, where runs are noted whose teardown is owed: {}", directory.string(),
                              error.message()));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<OwedRun> RunRegistry::Owed(std::vector<std::string>* unreadable) {
  std::vector<OwedRun> owed;
  for (const std::string& name : Names()) {
    fs::path run = TargetOf(directory_ / name);
    const fs::path copy = LeaseCopies() / name;
    const bool has_copy = LookFor(copy) != Presence::kGone;  // earlier versions made none
    if (!has_copy && run.empty()) continue;                  // not ours
    const fs::path file = (has_copy ? copy : run) / "lease.json";
    if (LookFor(file) == Presence::kGone) {
      Forget(name, run);
      continue;
    }
    try {
      OwedRun one{run, ReadLease(file), OwedRun::State::kStale};
      if (run.empty()) one.run = one.lease.run;
      one.run = LeaseHome(one.run, copy);
      one.state = StateOf(one.lease);
      owed.push_back(std::move(one));
    } catch (const Error& problem) {
      if (unreadable == nullptr) continue;
      unreadable->push_back(fmt::format("{}. Look what that run left, remove it, and then this file. To look: {}",
                                        Printable(problem.what()),
                                        VirshCommand(LibvirtUriOf(file.parent_path()), {"list", "--all"})));
    }
  }
  return owed;
}

void RunRegistry::Add(const RunDirectory& run, const Lease& lease) {
  const std::string name = RegistryName(run);
  const fs::path entry = directory_ / name;
  try {
    fs::remove(entry);
    Keep(run, lease);
    fs::create_symlink(run.path(), entry);
    WriteLease(run.LeaseJson(), lease);
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    try {
      Forget(name, run.path());
    } catch (const Error&) {
      // Then it is told of by whoever starts next: it owes nothing.
    }
    throw Error(fmt::format("cannot register {} in {}: {}", run.path().string(), entry.string(), reason));
  }
}

void RunRegistry::Remove(const RunDirectory& run) {
  const std::string name = RegistryName(run);
  fs::path itself = TargetOf(directory_ / name);
  if (itself.empty()) {
    try {
      itself = ReadRunLease(run).run;
    } catch (const Error&) {
      // It has ended already, or nobody can say.
    }
  }
  Forget(name, itself.empty() ? run.path() : itself);
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
  registry.Add(run, lease);
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
        registry.Add(run, lease);
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
