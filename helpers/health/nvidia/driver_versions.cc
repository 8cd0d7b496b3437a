#include "helpers/health/nvidia/driver_versions.h"

#include <fmt/format.h>

namespace passthrough {
namespace {

// As sysfs has it, else as /proc/driver/nvidia/version does; empty where the module is not loaded.
std::string LoadedVersion(const ModulesEvidence& modules) {
  return modules.loaded_nvidia_version.empty() ? modules.DriverVersion() : modules.loaded_nvidia_version;
}

}  // namespace

Findings DiskVersionProblems(const ModulesEvidence& modules) {
  Findings problems;
  const std::string loaded = LoadedVersion(modules);
  const std::string reported = modules.DriverVersion();
  if (!loaded.empty() && !modules.disk_version.empty() && loaded != modules.disk_version) {
    problems.push_back({fmt::format("the loaded module nvidia is {}, the one on disk is {} ({})", loaded,
                                    modules.disk_version, modules.disk_file),
                        modules.At(modules.disk_line),
                        "The driver was installed anew and works until the next boot only: reboot the node "
                        "now, or reload the module."});
  }
  if (!reported.empty() && !loaded.empty() && reported != loaded) {
    problems.push_back({fmt::format("/proc/driver/nvidia/version says {}, the loaded module is {}", reported, loaded),
                        modules.At(modules.driver_version_line), "Reboot the node."});
  }
  return problems;
}

Findings UserspaceVersionProblems(const ModulesEvidence& modules, const NvidiaSmiTable& table) {
  Findings problems;
  const std::string loaded = LoadedVersion(modules);
  if (loaded.empty()) return problems;
  constexpr std::string_view kAdvice =
      "Install library, nvidia-smi and kernel module of one release, then reboot the node.";
  const auto compare = [&](const std::string& what, const std::string& version, const std::string& where) {
    if (version.empty() || version == loaded) return;
    problems.push_back({fmt::format("{} is of release {}, the loaded module nvidia is {}", what, version, loaded),
                        where, std::string(kAdvice)});
  };
  compare("the library " + modules.library_file, modules.LibraryVersion(), modules.At(modules.library_line));
  compare("nvidia-smi", table.smi_version, table.At(table.driver_version_line));
  compare("the driver that nvidia-smi talks to", table.driver_version, table.At(table.driver_version_line));
  return problems;
}

}  // namespace passthrough
