#include "helpers/teardown_record/run_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/rundir/run_record.h"
#include "helpers/teardown_record/record_home.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// Where the record cannot be read.
std::string LibvirtUriOf(const fs::path& run) {
  try {
    return ReadRunRecord(run / "run.json").libvirt_uri;
  } catch (const Error&) {
    return "URI";  // to be filled in by whoever knows
  }
}

// The run directory to which `entry` points; empty where it is no link.
fs::path TargetOf(const fs::path& entry) {
  std::error_code error;
  fs::path run = fs::read_symlink(entry, error);
  return error ? fs::path() : run;
}

// All that teardown needs, the record last: for what has none, nothing is pending.
void Keep(const RunDirectory& run, const TeardownRecord& record) {
  const fs::path copy = RecordCopyOf(run);
  fs::remove_all(copy);
  fs::create_directories(copy / "evidence" / "host");
  fs::permissions(copy, fs::perms::owner_all);
  fs::copy_file(run.RunJson(), copy / "run.json");
  const fs::path cluster = fs::path("evidence") / "cluster.yaml";
  if (fs::exists(run.path() / cluster)) fs::copy_file(run.path() / cluster, copy / cluster);
  WriteFile(copy / kLockFile, "", 0600);
  WriteTeardownRecord(copy / "teardown-record.json", record);
}

// Nobody holds it for long, and teardown after an interruption needs it, too.
FileLock LockRegistry(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  Descriptor opened = OpenDirectory(directory);
  const std::string reason = opened ? "" : strerror(errno);
  try {
    if (opened) return FileLock::Wait(std::move(opened), directory);
    throw Error(fmt::format("cannot open {}: {}", directory.string(), reason));
  } catch (const Error& problem) {
    throw Error(
        fmt::format("{}: it is where runs are noted whose teardown is pending; set XDG_STATE_HOME "
                    "to a directory that you can write to",
                    problem.what()));
  }
}

}  // namespace

PendingRun::State StateOf(const TeardownRecord& record) {
  if (record.owner.pid_namespace != CurrentPidNamespace()) return PendingRun::State::kElsewhere;
  if (IsAlive(record.owner)) return PendingRun::State::kHeld;
  return record.ClusterStays() ? PendingRun::State::kKept : PendingRun::State::kStale;
}

RunRegistry::RunRegistry() : directory_(RegisteredRuns()), lock_(LockRegistry(directory_)) {}

// In this order: who is killed between two steps leaves a record, or what says that it was closed, which is what is
// kept without a record. The next Pending() finishes that.
void RunRegistry::Forget(const std::string& name, const fs::path& run) {
  const fs::path copy = RecordCopies() / name;
  std::error_code error;
  fs::remove(copy / "teardown-record.json", error);
  if (error && StatFile(copy / "teardown-record.json") != FileStatus::kGone) {
    throw Error(fmt::format("cannot end the record {}: {}", (copy / "teardown-record.json").string(), error.message()));
  }
  if (!run.empty()) fs::remove(run / "teardown-record.json", error);
  if (!run.empty() && StatFile(run / "teardown-record.json") != FileStatus::kGone)
    return;  // out of reach, or read-only, for a while
  fs::remove_all(copy, error);
  fs::remove(directory_ / name, error);
}

// Also of what has no link: killed while it was registered, or somebody removed that.
std::vector<std::string> RunRegistry::Names() const {
  std::set<std::string> names;
  for (const fs::path& directory : {directory_, RecordCopies()}) {
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
      names.insert(at->path().filename().string());
    }
    if (error && StatFile(directory) != FileStatus::kGone) {
      throw Error(fmt::format("cannot read {}, where runs are noted whose teardown is pending: {}", directory.string(),
                              error.message()));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<PendingRun> RunRegistry::Pending(std::vector<std::string>* unreadable) {
  std::vector<PendingRun> pending;
  for (const std::string& name : Names()) {
    fs::path run = TargetOf(directory_ / name);
    const fs::path copy = RecordCopies() / name;
    const bool has_copy = StatFile(copy) != FileStatus::kGone;  // somebody may have removed it
    if (!has_copy && run.empty()) continue;                     // not ours
    const fs::path file = (has_copy ? copy : run) / "teardown-record.json";
    if (StatFile(file) == FileStatus::kGone) {
      Forget(name, run);
      continue;
    }
    try {
      PendingRun one{run, ReadTeardownRecord(file), PendingRun::State::kStale};
      if (run.empty()) one.run = one.record.run;
      one.run = RecordHome(one.run, copy);
      one.state = StateOf(one.record);
      pending.push_back(std::move(one));
    } catch (const Error& problem) {
      if (unreadable == nullptr) continue;
      unreadable->push_back(fmt::format("{}. See what that run left, remove it, and then this file: {}",
                                        Printable(problem.what()),
                                        VirshCommand(LibvirtUriOf(file.parent_path()), {"list", "--all"})));
    }
  }
  return pending;
}

void RunRegistry::Add(const RunDirectory& run, const TeardownRecord& record) {
  const std::string name = RegistryName(run.path());
  const fs::path entry = directory_ / name;
  try {
    fs::remove(entry);
    Keep(run, record);
    fs::create_symlink(run.path(), entry);
    WriteTeardownRecord(run.TeardownRecordJson(), record);
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    try {
      Forget(name, run.path());
    } catch (const Error&) {
      // Then whoever starts next finds it: nothing is pending for it.
    }
    throw Error(fmt::format("cannot register {} in {}: {}", run.path().string(), entry.string(), reason));
  }
}

void RunRegistry::Remove(const RunDirectory& run) {
  const std::string name = RegistryName(run.path());
  fs::path itself = TargetOf(directory_ / name);
  if (itself.empty()) {
    try {
      itself = ReadRecordOf(run).run;
    } catch (const Error&) {
      // It has ended already, or nobody can say.
    }
  }
  Forget(name, itself.empty() ? run.path() : itself);
}

void CloseTeardownRecord(const RunDirectory& run) { RunRegistry().Remove(run); }

}  // namespace passthrough
