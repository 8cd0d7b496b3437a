#include "helpers/base/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

[[noreturn]] void ThrowErrno(const std::filesystem::path& path) {
  throw Error(fmt::format("cannot lock {}: {}", path.string(), strerror(errno)));
}

bool IsStillAt(const Descriptor& file, const std::filesystem::path& path) {
  struct stat locked = {};
  struct stat named = {};
  return fstat(file.get(), &locked) == 0 && stat(path.c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
         locked.st_dev == named.st_dev;
}

}  // namespace

Descriptor OpenDirectory(const std::filesystem::path& directory) {
  return Descriptor(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::optional<FileLock> FileLock::Try(Descriptor file, const std::filesystem::path& path) {
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) ThrowErrno(path);
    return std::nullopt;
  }
  if (!IsStillAt(file, path)) return std::nullopt;
  return FileLock(std::move(file));
}

FileLock FileLock::Wait(Descriptor file, const std::filesystem::path& path) {
  while (flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) ThrowErrno(path);
  }
  return FileLock(std::move(file));
}

}  // namespace passthrough
