#include "helpers/run/lease_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
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
#include "helpers/run/lease.h"
#include "helpers/run/lease_home.h"
#include "helpers/run/run_registry.h"

namespace passthrough {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

[[noreturn]] void ThrowErrno(const fs::path& file) {
  throw Error(fmt::format("cannot lock {}: {}", file.string(), strerror(errno)));
}

// Two destroys of the deployer, if libvirt is away in between, and all that has a limit of its own.
Deadline LongestTeardown(const RunDirectory& run) {
  seconds limit = std::chrono::minutes(10);
  try {
    const Lease lease = ReadRunLease(run);
    limit += seconds(2 * lease.destroy_seconds) * std::max<size_t>(lease.destroy.size(), 1);
    limit += std::chrono::minutes(1) * (lease.domains.size() + lease.networks.size() + lease.pools.size());
  } catch (const Error&) {
    // Then it ends while we look.
  }
  return Deadline::After(limit);
}

// Of a registered run it was made then, with what is kept of the run, and goes with that.
fs::path LockFileOf(const RunDirectory& run) {
  const fs::path copy = LeaseCopyOf(run);
  if (LookFor(copy) != Presence::kGone) return copy / kLockFile;
  return UserStateDirectory() / "locks" / (RegistryName(run) + ".lock");
}

// Falls back on what is there already: a disk may be full, or be mounted read-only meanwhile.
int OpenToLock(const fs::path& file, const RunDirectory& run) {
  std::error_code error;
  if (file.filename() != kLockFile) fs::create_directories(file.parent_path(), error);
  // Not made anew while another process ends the lease.
  const int make = file.filename() != kLockFile || IsLeased(run.path()) ? O_CREAT : 0;
  int fd = open(file.c_str(), O_RDWR | O_CLOEXEC | make, 0600);
  if (fd < 0) fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  return fd;
}

// The file as it is now, which whoever had it may have removed with his lock; -1 where somebody else has it.
int TryToLock(const RunDirectory& run, fs::path* locked_file) {
  fs::path file = LockFileOf(run);
  int fd = OpenToLock(file, run);
  if (fd < 0) {
    const int error = errno;
    const fs::path wanted = file;
    const fs::path own = file.filename() == kLockFile ? file.parent_path() : run.path();
    for (const fs::path& directory : {own, UserStateDirectory()}) {
      if (fd >= 0) break;
      fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      file = directory;
    }
    errno = error;
    if (fd < 0) ThrowErrno(wanted);
  }
  *locked_file = file;
  struct stat locked = {};
  struct stat there = {};
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    if (fstat(fd, &locked) == 0 && stat(file.c_str(), &there) == 0 && locked.st_ino == there.st_ino) return fd;
    close(fd);
    return -1;
  }
  const int error = errno;
  close(fd);
  errno = error;
  if (error != EWOULDBLOCK && error != EINTR) ThrowErrno(file);
  return -1;
}

// flock(2) itself cannot be given a time limit.
int Lock(const RunDirectory& run, fs::path* locked_file, Progress& progress, const Deadline& deadline) {
  bool told = false;
  const std::string path = run.path().string();
  return WaitFor(deadline, "waiting for the process that does what " + path + " owes",
                 [&](std::string*) -> std::optional<int> {
                   if (const int fd = TryToLock(run, locked_file); fd >= 0) return fd;
                   if (!told) {
                     progress.Line(Printable("waiting for the process that already does what " + path + " owes"));
                   }
                   told = true;
                   return std::nullopt;
                 });
}

}  // namespace

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress)
    : TeardownLock(run, progress, LongestTeardown(run)) {}

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline) {
  const std::string path = run.path().string();
  try {
    fd_ = Lock(run, &file_, progress, deadline);
  } catch (const TimeoutError&) {
    throw TimeoutError(fmt::format(
        "another process holds the lock on {} and does not end, so what that run owes was not looked at. See what it "
        "waits for: sudo lslocks -o PID,COMMAND,PATH | grep -F {} names it, {}/guard.log tells what the guard did. When it has ended, or "
        "you have ended it: {}",
        path, ShellWord(file_.string()), path, SuiteCommand({"--destroy", path})));
  }
}

TeardownLock::~TeardownLock() {
  // Before it is let go: who waits for it sees that it is gone, and makes another. One that is kept with the lease goes
  // with that.
  if (file_.extension() == ".lock") unlink(file_.c_str());
  close(fd_);
}

void EndLease(const RunDirectory& run) { RunRegistry().Remove(run); }

}  // namespace passthrough
