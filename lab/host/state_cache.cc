#include "lab/host/state_cache.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/short_hash.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "booted-";
constexpr char kUnfinished[] = ".booted.";

// Nobody takes this long to write one.
constexpr std::chrono::hours kAbandonedAfter(1);

fs::path KeyFile(const fs::path& directory) { return directory / "key"; }

void RemoveQuietly(const fs::path& path) {
  std::error_code ignored;  // somebody else may be at it too
  fs::remove_all(path, ignored);
}

}  // namespace

std::optional<BootedState> StateCache::Find(const std::string& machine_key) const {
  const BootedState state{directory_ / (kPrefix + ShortHash(machine_key))};
  std::error_code ignored;
  if (!fs::exists(state.state(), ignored) || !fs::exists(state.disk(), ignored)) {
    return std::nullopt;
  }
  try {
    if (ReadFile(KeyFile(state.directory)) != machine_key) return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
  fs::last_write_time(state.directory, fs::file_time_type::clock::now(), ignored);
  return state;
}

void StateCache::Store(const std::string& machine_key,
                       const std::function<void(const BootedState& state)>& fill) const {
  fs::create_directories(directory_);
  std::string name = (directory_ / (std::string(kUnfinished) + "XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(fmt::format("cannot create {}: {}", name, strerror(errno)));
  }
  const BootedState unfinished{name};
  try {
    fill(unfinished);
    WriteFile(KeyFile(unfinished.directory), machine_key);
    const fs::path target = directory_ / (kPrefix + ShortHash(machine_key));
    fs::remove_all(target);
    fs::rename(unfinished.directory, target);
  } catch (...) {
    RemoveQuietly(unfinished.directory);
    throw;
  }
  RemoveOldest();
}

void StateCache::Remove(const BootedState& state) const { RemoveQuietly(state.directory); }

void StateCache::RemoveOldest() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> states;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& entry : fs::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    std::error_code error;
    const auto used = entry.last_write_time(error);
    if (error) continue;
    if (name.starts_with(kPrefix)) states.emplace_back(used, entry.path());
    if (name.starts_with(kUnfinished) && now - used > kAbandonedAfter) RemoveQuietly(entry.path());
  }
  std::sort(states.rbegin(), states.rend());
  for (size_t i = kMost; i < states.size(); ++i) RemoveQuietly(states[i].second);
}

}  // namespace passthrough
