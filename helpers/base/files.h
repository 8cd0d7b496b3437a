// Reading and writing whole files. Every function throws passthrough::Error that names the path and
// the system's reason.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace passthrough {

// The whole file. Throws Error, also where it is larger than `most` bytes.
std::string ReadFile(const std::filesystem::path& path, size_t most = 64u << 20);

// Writes through a temporary file beside it and rename(2), so that a reader sees the old content or
// the new, never a part. `mode` as for open(2).
void WriteFile(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);
// The same, and on the disk when it returns: for what must outlive a power failure.
void WriteFileDurably(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// $XDG_CACHE_HOME or ~/.cache, with /pcie-passthrough-suite behind it. Not created.
std::filesystem::path UserCacheDirectory();

// $XDG_STATE_HOME or ~/.local/state, with /pcie-passthrough-suite behind it. Not created.
std::filesystem::path UserStateDirectory();

// `path` with a leading "~/" replaced by the home directory.
std::filesystem::path ExpandHome(const std::string& path);

// A directory of one's own below $TMPDIR, removed with all that is in it when this is destroyed.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(std::string_view prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace passthrough
