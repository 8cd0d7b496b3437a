// What the probe "device_files" printed: /dev/nvidia* and the majors of /proc/devices.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/parsers/fact_file.h"

namespace passthrough {

enum class DeviceFileType { kCharacter, kBlock, kRegular, kDirectory, kSymbolicLink, kFifo, kSocket, kUnknown };
std::string_view ToString(DeviceFileType type);  // "character device", "regular file", …

struct DeviceFile {
  std::string path;  // "/dev/nvidia0"
  DeviceFileType type = DeviceFileType::kUnknown;
  std::optional<int> major;  // of character and block devices
  std::optional<int> minor;
  std::string mode;  // as ls writes it: "crw-rw-rw-"
  int64_t uid = -1;
  int64_t gid = -1;
  bool opens = false;      // for reading and writing, as the user that the probe ran as
  std::string open_error;  // the system's words where it does not; empty where it was not tried
  std::string link;        // of a symbolic link: what it says; may be empty
  std::string link_error;  // why no device is at its end; empty: one is, or the probe did not look
  int line = 0;
};

// A "major name" line of /proc/devices, character devices only.
struct CharacterMajor {
  int major = 0;
  std::string name;
  int line = 0;
};

struct DeviceFilesEvidence : EvidenceFile {
  static constexpr char kProbe[] = "device_files";

  std::string user_id;                 // numeric, of the user that the probe ran as
  std::vector<CharacterMajor> majors;  // whose name begins with "nvidia"
  std::vector<DeviceFile> files;       // /dev/nvidia* and what is in /dev/nvidia-caps
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static DeviceFilesEvidence Parse(std::string_view text, const std::filesystem::path& path);

  const DeviceFile* Find(std::string_view path) const;
  // /dev/nvidia0, /dev/nvidia1, …: whose name ends in a number and nothing else, by that number.
  std::map<int, const DeviceFile*> GpuFiles() const;
  // What is in /dev/nvidia-caps: nvidia-cap1, …
  std::vector<const DeviceFile*> CapabilityFiles() const;
  // The major of exactly that name, or nullptr. The driver registers one major for GPUs and
  // control: "nvidia-frontend" up to release 535, "nvidia" and "nvidiactl" since; "nvidia-uvm" is
  // another.
  const CharacterMajor* FindMajor(std::string_view name) const;
  // The major that /dev/nvidia<N> and /dev/nvidiactl must have, whichever way the driver names it.
  const CharacterMajor* GpuMajor() const;
};

}  // namespace passthrough
