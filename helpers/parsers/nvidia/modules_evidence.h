// What the probe "modules" printed: loaded kernel modules, and the NVIDIA module on disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/parsers/fact_file.h"

namespace passthrough {

// A line of /proc/modules.
struct LoadedModule {
  std::string name;  // as the kernel has it, with '_': "nvidia_uvm"
  int64_t use_count = 0;
  std::string used_by;  // "nvidia_uvm,nvidia_modeset"; empty: none
  std::string state;    // "Live", "Loading" or "Unloading"
  int line = 0;
};

struct ModulesEvidence : EvidenceFile {
  static constexpr char kProbe[] = "modules";

  std::string kernel_release;        // uname -r
  std::vector<LoadedModule> loaded;  // in the order of /proc/modules
  // /sys/module/nvidia/version; empty where the module is not loaded or has none.
  std::string loaded_nvidia_version;
  int loaded_nvidia_version_line = 0;
  // First line of /proc/driver/nvidia/version; empty where there is none.
  std::string driver_version_text;
  int driver_version_line = 0;
  // What modinfo says of the module on disk for the running kernel; empty where it finds none.
  std::string disk_file;
  std::string disk_version;
  std::string disk_vermagic;
  int disk_line = 0;
  std::string disk_error;  // modinfo's words where it failed
  // The file of the NVML library that programs load; empty where none was found.
  std::string library_file;
  int library_line = 0;
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static ModulesEvidence Parse(std::string_view text, const std::filesystem::path& path);

  // The loaded module of exactly that name, or nullptr.
  const LoadedModule* Find(std::string_view name) const;
  // The version in driver_version_text ("535.54.03"): its first word that is digits and dots.
  std::string DriverVersion() const;
  // "535.54.03" of "/usr/lib/…/libnvidia-ml.so.535.54.03"; empty where the name has none.
  std::string LibraryVersion() const;
};

}  // namespace passthrough
