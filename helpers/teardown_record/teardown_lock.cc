#include "helpers/teardown_record/teardown_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

// Two destroys of the deployer, if libvirt is away in between, and all that has a limit of its own.
Deadline LongestTeardown(const RunDirectory& run) {
  seconds limit = std::chrono::minutes(10);
  try {
    const TeardownRecord record = ReadRecordOf(run);
    limit += seconds(2 * record.destroy_seconds) * std::max<size_t>(record.destroy.size(), 1);
    limit += std::chrono::minutes(1) * (record.domains.size() + record.networks.size() + record.pools.size());
  } catch (const Error&) {
    // Then it is closed meanwhile.
  }
  return Deadline::After(limit);
}

// Of a registered run it was made then, with what is kept of the run, and goes with that.
fs::path LockFileOf(const RunDirectory& run) {
  const fs::path copy = RecordCopyOf(run);
  if (StatFile(copy) != FileStatus::kGone) return copy / kLockFile;
  return UserStateDirectory() / "locks" / (RegistryName(run.path()) + ".lock");
}

// Falls back on what is there already: a disk may be full, or be mounted read-only meanwhile.
Descriptor OpenToLock(const fs::path& file, const RunDirectory& run) {
  std::error_code error;
  if (file.filename() != kLockFile) fs::create_directories(file.parent_path(), error);
  // Not made anew while another process ends the record.
  const int make = file.filename() != kLockFile || IsTeardownPending(run.path()) ? O_CREAT : 0;
  Descriptor opened(open(file.c_str(), O_RDWR | O_CLOEXEC | make, 0600));
  if (!opened) opened.Reset(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return opened;
}

// The file as it is now, which its last holder may have removed with the lock, or a directory that is there in any
// case.
std::optional<FileLock> TryToLock(const RunDirectory& run, fs::path* locked_file) {
  const fs::path wanted = LockFileOf(run);
  *locked_file = wanted;
  Descriptor opened = OpenToLock(wanted, run);
  const std::string reason = opened ? "" : strerror(errno);
  const fs::path own = wanted.filename() == kLockFile ? wanted.parent_path() : run.path();
  for (const fs::path& directory : {own, UserStateDirectory()}) {
    if (opened) break;
    opened = OpenDirectory(directory);
    *locked_file = directory;
  }
  if (!opened) throw Error(fmt::format("cannot lock {}: {}", wanted.string(), reason));
  return FileLock::Try(std::move(opened), *locked_file);
}

// flock(2) itself cannot be given a time limit.
FileLock Lock(const RunDirectory& run, fs::path* locked_file, Progress& progress, const Deadline& deadline) {
  bool reported = false;
  const std::string path = run.path().string();
  return WaitFor(deadline, "waiting for the process that tears down what " + path + " made",
                 [&](std::string*) -> std::optional<FileLock> {
                   if (std::optional<FileLock> lock = TryToLock(run, locked_file)) return lock;
                   if (!reported) {
                     progress.Line(Printable("waiting for the process that already tears down what " + path + " made"));
                   }
                   reported = true;
                   return std::nullopt;
                 });
}

}  // namespace

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress)
    : TeardownLock(run, progress, LongestTeardown(run)) {}

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline) {
  const std::string path = run.path().string();
  try {
    lock_ = Lock(run, &file_, progress, deadline);
  } catch (const TimeoutError&) {
    throw TimeoutError(fmt::format(
        "another process holds the lock on {} and does not end, so what that run left was not checked. See what it "
        "waits for: sudo lslocks -o PID,COMMAND,PATH | grep -F {} names it, {}/guard.log says what the guard did. "
        "When it has ended, or "
        "you have ended it: {}",
        path, ShellWord(file_.string()), path, SuiteCommand({"--destroy", path})));
  }
}

TeardownLock::~TeardownLock() {
  // Before it is let go: who waits for it sees that it is gone, and makes another. One that is kept with the record
  // goes with that.
  if (file_.extension() == ".lock") unlink(file_.c_str());
}

}  // namespace passthrough
