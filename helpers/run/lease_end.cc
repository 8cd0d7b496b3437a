#include "helpers/run/lease_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "helpers/base/error.h"
#include "helpers/run/run_registry.h"

namespace passthrough {

TeardownLock::TeardownLock(const RunDirectory& run)
    : fd_(open(run.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) {
    const std::string reason = strerror(errno);
    if (fd_ >= 0) close(fd_);
    throw Error(fmt::format("cannot lock {}: {}", run.path().string(), reason));
  }
}

TeardownLock::~TeardownLock() { close(fd_); }

void EndLease(const RunDirectory& run) {
  std::filesystem::remove(run.LeaseJson());
  RunRegistry().Remove(run.path());
}

}  // namespace passthrough
