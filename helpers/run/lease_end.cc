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
    const Lease lease = ReadLease(LeaseHome(run).LeaseJson());
    limit += seconds(2 * lease.destroy_seconds) * std::max<size_t>(lease.destroy.size(), 1);
    limit += std::chrono::minutes(1) * (lease.domains.size() + lease.networks.size() + lease.pools.size());
  } catch (const Error&) {
    // Then it ends while we look.
  }
  return Deadline::After(limit);
}

// The file as it is now, which whoever had it may have removed with his lock; -1 where somebody else has it.
int TryToLock(const fs::path& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) ThrowErrno(file);
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
int Lock(const fs::path& file, const std::string& run, Progress& progress, const Deadline& deadline) {
  bool told = false;
  return WaitFor(deadline, "waiting for the process that does what " + run + " owes",
                 [&](std::string*) -> std::optional<int> {
                   if (const int fd = TryToLock(file); fd >= 0) return fd;
                   if (!told) {
                     progress.Line(Printable("waiting for the process that already does what " + run + " owes"));
                   }
                   told = true;
                   return std::nullopt;
                 });
}

}  // namespace

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress)
    : TeardownLock(run, progress, LongestTeardown(run)) {}

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline) {
  const fs::path directory = UserStateDirectory() / "locks";
  std::error_code error;
  fs::create_directories(directory, error);
  file_ = directory / (RegistryName(run) + ".lock");
  const std::string path = run.path().string();
  try {
    fd_ = Lock(file_, path, progress, deadline);
  } catch (const TimeoutError&) {
    throw TimeoutError(fmt::format(
        "another process holds the lock on {} and does not end, so what that run owes was not looked at. See what it "
        "waits for: sudo lslocks -o PID,COMMAND,PATH | grep -F {} names it, {}/guard.log tells what the guard did. When it has ended, or "
        "you have ended it: {}",
        path, ShellWord(file_.string()), path, SuiteCommand({"--destroy", path})));
  }
}

TeardownLock::~TeardownLock() {
  unlink(file_.c_str());  // before it is let go: who waits for it sees that it is gone, and makes another
  close(fd_);
}

void EndLease(const RunDirectory& run) {
  std::filesystem::remove(run.LeaseJson());
  RunRegistry().Remove(run.path());
}

}  // namespace passthrough
