#include "helpers/run/lease_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/run/run_registry.h"

namespace passthrough {

namespace {

[[noreturn]] void ThrowErrno(const std::string& run) {
  throw Error(fmt::format("cannot lock {}: {}", run, strerror(errno)));
}

// flock(2) itself cannot be given a time limit.
void Lock(int fd, const std::string& run, Progress& progress, const Deadline& deadline) {
  bool told = false;
  WaitFor(deadline, "waiting for the process that does what " + run + " owes",
          [&](std::string*) -> std::optional<bool> {
            if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
            if (errno != EWOULDBLOCK && errno != EINTR) ThrowErrno(run);
            if (!told) progress.Line(Printable("waiting for the process that already does what " + run + " owes"));
            told = true;
            return std::nullopt;
          });
}

}  // namespace

TeardownLock::TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline)
    : fd_(open(run.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  const std::string path = run.path().string();
  if (fd_ < 0) ThrowErrno(path);
  try {
    Lock(fd_, path, progress, deadline);
  } catch (const TimeoutError&) {
    close(fd_);
    throw TimeoutError(fmt::format(
        "another process holds the lock on {0} and does not end, so what that run owes was not looked at. See what it "
        "waits for: sudo lslocks | grep -F {0} names it, {0}/guard.log tells what the guard did. When it has ended, or "
        "you have ended it: {1}",
        path, SuiteCommand({"--destroy", path})));
  } catch (...) {
    close(fd_);
    throw;
  }
}

TeardownLock::~TeardownLock() { close(fd_); }

void EndLease(const RunDirectory& run) {
  std::filesystem::remove(run.LeaseJson());
  RunRegistry().Remove(run.path());
}

}  // namespace passthrough
