#include "helpers/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "helpers/base/account.h"
#include "helpers/base/descriptor.h"
#include "helpers/base/error.h"

namespace passthrough {
namespace {

[[noreturn]] void ThrowErrno(std::string_view what, const std::filesystem::path& path) {
  throw Error(fmt::format("cannot {} {}: {}", what, path.string(), strerror(errno)));
}

void WriteAll(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ThrowErrno("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
}

std::filesystem::path HomeDirectory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  if (const auto account = AccountOf(getuid())) return account->home;
  throw Error("no home directory: HOME is not set and the user has no passwd entry");
}

}  // namespace

std::string ReadFile(const std::filesystem::path& path, size_t most) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) ThrowErrno("read", path);
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ThrowErrno("read", path);
    if (count == 0) return content;
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > most) {
      throw Error(fmt::format("cannot read {}: larger than {} bytes", path.string(), most));
    }
  }
}

namespace {

void Replace(const std::filesystem::path& path, std::string_view content, unsigned mode, bool durably) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) ThrowErrno("write", path);
  try {
    WriteAll(file.get(), content, path);
    if (fchmod(file.get(), mode) != 0) ThrowErrno("write", path);
    if (durably && fsync(file.get()) != 0) ThrowErrno("write", path);
    if (rename(temporary.c_str(), path.c_str()) != 0) ThrowErrno("write", path);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  if (!durably) return;
  const Descriptor directory(open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) fsync(directory.get());  // the new name, too
}

}  // namespace

void WriteFile(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  Replace(path, content, mode, false);
}

void WriteFileDurably(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  Replace(path, content, mode, true);
}

std::filesystem::path UserCacheDirectory() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const bool set = cache != nullptr && *cache != '\0';
  const std::filesystem::path base = set ? std::filesystem::path(cache) : HomeDirectory() / ".cache";
  return base / "pcie-passthrough-suite";
}

std::filesystem::path UserStateDirectory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const bool set = state != nullptr && *state != '\0';
  const std::filesystem::path base = set ? std::filesystem::path(state) : HomeDirectory() / ".local" / "state";
  return base / "pcie-passthrough-suite";
}

std::filesystem::path ExpandHome(const std::string& path) {
  if (path == "~") return HomeDirectory();
  if (path.starts_with("~/")) return HomeDirectory() / path.substr(2);
  return path;
}

TemporaryDirectory::TemporaryDirectory(std::string_view prefix) {
  std::string name = (std::filesystem::temp_directory_path() / fmt::format("{}.XXXXXX", prefix)).string();
  if (mkdtemp(name.data()) == nullptr) ThrowErrno("create", name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  // A destructor must not throw, and there is nobody to tell. A process that still ends may write into it meanwhile.
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (!error) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace passthrough
