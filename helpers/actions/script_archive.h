// How scripts of remote/ get to a node: as a tar archive on the stdin of one command.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace passthrough {

// A ustar archive in memory. Every function throws EvidenceError where packing fails.
class ScriptArchive {
 public:
  ScriptArchive();
  ~ScriptArchive();
  ScriptArchive(const ScriptArchive&) = delete;
  ScriptArchive& operator=(const ScriptArchive&) = delete;

  // `path` is relative to where the archive is unpacked. Only the user may read, write and run what is there.
  void AddDirectory(const std::string& path);
  void AddFile(const std::string& path, std::string_view content);
  // The bytes; nothing can be added any more.
  std::string Take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The command that unpacks an archive from its stdin into a directory of its own, $d, runs `command` there, and removes
// the directory. Whatever shell the remote user has can read it, for it is one single-quoted word behind "sh -c".
// `command` has neither a single quote (which would end the word), a backslash (fish reads it there), an exclamation
// mark nor a line end (csh does): else EvidenceError is thrown. Exit status kNoDirectory or kNotUnpacked; else that of
// `command`.
std::string UnpackAndRun(const std::string& command);

inline constexpr int kNoDirectory = 71;  // neither in $TMPDIR or /tmp nor in /dev/shm
inline constexpr int kNotUnpacked = 72;

}  // namespace passthrough
