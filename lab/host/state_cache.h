// Saved states of booted, empty lab hosts, so that a lab is up in seconds. Kept in the user's cache
// directory, each below booted-<hash of the machine's key>; may be deleted at any time.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace passthrough {

// One saved state. `disk` is a qcow2 layer on the images' disk.
struct BootedState {
  std::filesystem::path directory;
  std::filesystem::path state() const { return directory / "state"; }
  std::filesystem::path disk() const { return directory / "disk.qcow2"; }
};

// Any number of processes may use one directory at a time.
class StateCache {
 public:
  explicit StateCache(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // The state of the machine with this key; marks it as used now.
  std::optional<BootedState> Find(const std::string& machine_key) const;

  // Lets `fill` put the files into an empty directory, and shows them to others whole or not at
  // all. An earlier state of the same key is replaced; of all states the newest kMost are kept.
  void Store(const std::string& machine_key, const std::function<void(const BootedState& state)>& fill) const;

  // Forgets a state that turned out not to work.
  void Remove(const BootedState& state) const;

  // A state takes some hundred MiB.
  static constexpr size_t kMost = 6;

 private:
  void RemoveOldest() const;

  std::filesystem::path directory_;
};

}  // namespace passthrough
