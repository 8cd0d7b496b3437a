// One lock between processes: flock(2) on a file or a directory. It ends with the process, however that ends.
#pragma once

#include <filesystem>
#include <optional>

#include "helpers/base/descriptor.h"

namespace passthrough {

// Opens `directory` to be locked; none (and errno) where it cannot be opened.
Descriptor OpenDirectory(const std::filesystem::path& directory);

// An exclusive lock, held while this lives.
class FileLock {
 public:
  // Locks `file`, which was opened as `path`, without waiting. nullopt where another holder has it, or where `path`
  // names another file by now, for its last holder removed it: open it anew. Throws Error with the system's reason.
  static std::optional<FileLock> Try(Descriptor file, const std::filesystem::path& path);
  // The same, waiting for as long as another holder has it: for locks that nobody holds for long. No signal ends the
  // wait. Throws Error.
  static FileLock Wait(Descriptor file, const std::filesystem::path& path);

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace passthrough
