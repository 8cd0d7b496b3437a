#include "helpers/health/nvidia/device_file_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/health/log_findings.h"

namespace passthrough {
namespace {

constexpr int kModesetMinor = 254;
constexpr int kControlMinor = 255;
constexpr char kMakeAnew[] = "Remove it and let nvidia-modprobe or udev make it anew.";

// "/dev/nvidia0 is a symbolic link to nvidia1, which leads nowhere (No such file or directory)"
std::string WhatItIs(const DeviceFile& file) {
  std::string text = fmt::format("{} is a {}", file.path, ToString(file.type));
  if (!file.link.empty()) text += " to " + file.link;
  if (!file.link_error.empty()) text += fmt::format(", which leads to no device ({})", file.link_error);
  return text;
}

std::string AdviceForNoDevice(const DeviceFile& file) {
  switch (file.type) {
    case DeviceFileType::kSymbolicLink:
      return "Remove the link, look for what makes it (a rule of udev's, a start script), and let nvidia-modprobe or "
             "udev make the device file.";
    case DeviceFileType::kDirectory:
      return "Remove the directory and let nvidia-modprobe or udev make the device file: a container that was given a "
             "path which was not there yet leaves one.";
    case DeviceFileType::kRegular:
      return "Remove it and let nvidia-modprobe or udev make the device file: a program that wrote there before the "
             "driver "
             "was loaded leaves one.";
    default:
      return kMakeAnew;
  }
}

// `file` is a character device of that major, which a driver has registered by the name of `module`, with that minor.
class NumberCheck {
 public:
  NumberCheck(const DeviceFilesEvidence& files, const DeviceFile& file) : files_(files), file_(file) {}

  Findings Problems(const CharacterMajor* major, int minor, const std::string& module) const {
    if (file_.type != DeviceFileType::kCharacter) {
      return One(WhatItIs(file_) + ", expected a character device", AdviceForNoDevice(file_), Explains::kItself);
    }
    if (major == nullptr) {
      return One(
          fmt::format("{} is there, but no driver has registered for it: /proc/devices has no {}", file_.path, module),
          "Load the module " + module + ".");
    }
    if (file_.major == major->major && file_.minor == minor) return {};
    const std::string same = TheSameDevice();
    const std::string found =
        fmt::format("{} is device {}:{}{}, expected {}:{}", file_.path, file_.major.value_or(-1),
                    file_.minor.value_or(-1), same.empty() ? "" : ", as " + same + " is", major->major, minor);
    if (file_.major == major->major) {
      return One(found,
                 std::string("Its minor number leads to another device of the driver's, or to none. ") + kMakeAnew,
                 Explains::kItself);
    }
    return One(found,
               fmt::format("Its major number is not that of the driver, which may have been loaded anew since: "
                           "/proc/devices has {} for {}. {}",
                           major->major, module, kMakeAnew),
               Explains::kItself);
  }

 private:
  Findings One(const std::string& found, const std::string& advice, Explains explains = Explains::kNothing) const {
    return {{.found = found, .where = files_.At(file_.line), .advice = advice, .explains = explains}};
  }
  // Another file with the numbers of this one; empty: none.
  std::string TheSameDevice() const {
    for (const DeviceFile& other : files_.files) {
      const bool same = other.type == file_.type && other.major == file_.major && other.minor == file_.minor;
      if (same && other.path != file_.path) return other.path;
    }
    return {};
  }

  const DeviceFilesEvidence& files_;
  const DeviceFile& file_;
};

void Append(Findings more, Findings* findings, bool as_notes = false) {
  for (Finding& finding : more) {
    if (as_notes) finding.note = true;
    findings->push_back(std::move(finding));
  }
}

// Capabilities are numbered as the driver likes: only their kind and major can be wrong.
void AppendCapabilities(const DeviceFilesEvidence& files, Findings* findings) {
  const CharacterMajor* major = files.FindMajor("nvidia-caps");
  const DeviceFile* directory = files.Find("/dev/nvidia-caps");
  if (directory != nullptr && directory->type != DeviceFileType::kDirectory) {
    findings->push_back(
        {.found = WhatItIs(*directory) + ", expected a directory",
         .where = files.At(directory->line),
         .advice = "Instances of MIG cannot be used with it: remove it, and nvidia-modprobe makes it anew.",
         .note = true});
  }
  if (major == nullptr) return;
  for (const DeviceFile* file : files.CapabilityFiles()) {
    Append(NumberCheck(files, *file).Problems(major, file->minor.value_or(0), "nvidia-caps"), findings, true);
  }
}

bool MayReadAndWrite(const DeviceFile& file, size_t at) {
  return file.mode.size() > at + 1 && file.mode[at] == 'r' && file.mode[at + 1] == 'w';
}

constexpr size_t kGroupMode = 4;  // in "crw-rw-rw-"
constexpr size_t kOthersMode = 7;

std::string AdviceForDenied(const DeviceFile& file) {
  if (MayReadAndWrite(file, kOthersMode)) {
    return "Its mode lets everybody open it, so something else denies it: a file system that is mounted nodev, SELinux "
           "or "
           "AppArmor, or the limits of a container or a unit of systemd's (DevicePolicy).";
  }
  if (MayReadAndWrite(file, kGroupMode)) {
    return fmt::format("Add the user to the group that owns it (id {}), and log in anew.", file.gid);
  }
  return "Neither its group nor others may open it: set NVreg_DeviceFileMode of the module nvidia to 0666, or to 0660 "
         "with "
         "a group of NVreg_DeviceFileGID, and look for a rule of udev's that sets another mode.";
}

// Before the driver was asked.
bool IsDenied(const DeviceFile& file) {
  const std::string error = LowerCase(file.open_error);
  return Says(error, "permission denied") || Says(error, "not permitted");
}

// What to do about a character device that does not open.
std::string AdviceFor(const DeviceFile& file) {
  const std::string error = LowerCase(file.open_error);
  if (Says(error, "permission denied")) return AdviceForDenied(file);
  if (Says(error, "not permitted")) {
    return "A limit on devices denies it: of the container or of the unit of systemd's (DevicePolicy, DeviceAllow).";
  }
  // dash and busybox have words of their own for ENXIO.
  if (Says(error, "no such device") || Says(error, "nonexistent")) {
    return fmt::format(
        "No driver answers for device {}:{}: compare with /proc/devices, and with the minor number in "
        "nvidia-smi -q. {}",
        file.major.value_or(-1), file.minor.value_or(-1), kMakeAnew);
  }
  if (Says(error, "input/output") || Says(error, "i/o error")) {
    return "The driver cannot start the GPU: look at the node's kernel log for lines with NVRM.";
  }
  if (Says(error, "busy")) return "A program holds it for itself alone: look for it with fuser -v.";
  return "Look at the node's kernel log for lines with NVRM.";
}

Finding OpenProblem(const DeviceFilesEvidence& files, const DeviceFile& file) {
  if (file.type != DeviceFileType::kCharacter) {
    return {.found = fmt::format("user {} finds no device at {}: {}", files.user_id, file.path, WhatItIs(file)),
            .where = files.At(file.line),
            .advice = AdviceForNoDevice(file),
            .explains = Explains::kItself};
  }
  return {.found = fmt::format("user {} cannot open {} ({}): {}", files.user_id, file.path, file.mode,
                               file.open_error.empty() ? "not tried" : file.open_error),
          .where = files.At(file.line),
          .advice = AdviceFor(file),
          .explains = IsDenied(file) ? Explains::kItself : Explains::kNothing};
}

}  // namespace

Findings ControlDeviceProblems(const DeviceFilesEvidence& files) {
  Findings findings;
  if (const DeviceFile* control = files.Find("/dev/nvidiactl")) {
    Append(NumberCheck(files, *control).Problems(files.GpuMajor(), kControlMinor, "nvidia"), &findings);
  } else {
    findings.push_back({.found = "/dev/nvidiactl is missing",
                        .where = files.At(files.last_line),
                        .advice = "nvidia-modprobe makes it; look whether the module nvidia is loaded."});
  }
  const DeviceFile* modeset = files.Find("/dev/nvidia-modeset");
  if (modeset != nullptr && files.GpuMajor() != nullptr) {
    Append(NumberCheck(files, *modeset).Problems(files.GpuMajor(), kModesetMinor, "nvidia"), &findings, true);
  }
  AppendCapabilities(files, &findings);
  return findings;
}

Findings GpuDeviceProblems(const DeviceFilesEvidence& files, size_t planned, const std::map<std::string, int>& minors) {
  Findings findings;
  const auto found = files.GpuFiles();
  if (found.size() != planned) {
    std::vector<std::string> paths;
    for (const auto& [minor, file] : found) paths.push_back(file->path);
    findings.push_back({.found = fmt::format("{} device files of GPUs{}{}, expected {}", found.size(),
                                             paths.empty() ? "" : ": ", fmt::join(paths, ", "), planned),
                        .where = files.At(files.last_line),
                        .advice = found.size() > planned
                                      ? "One of a GPU that is gone, or that a script made, opens with an error: remove "
                                        "it. Otherwise the node has a GPU of another's: compare with lspci."
                                      : "nvidia-modprobe -c N makes /dev/nvidiaN; a GPU that failed to initialise has "
                                        "none: look at the node's kernel log."});
  }
  for (const auto& [minor, file] : found) {
    Append(NumberCheck(files, *file).Problems(files.GpuMajor(), minor, "nvidia"), &findings);
  }
  if (found.size() != planned) return findings;
  for (const auto& [gpu, minor] : minors) {
    if (found.contains(minor)) continue;
    findings.push_back(
        {.found = fmt::format("/dev/nvidia{} is missing, which the driver has for GPU {} of the node", minor, gpu),
         .where = files.At(files.last_line),
         .advice = fmt::format("nvidia-modprobe -c {} makes it; the file of another number leads to no GPU.", minor)});
  }
  return findings;
}

Findings UvmDeviceProblems(const DeviceFilesEvidence& files) {
  constexpr int kToolsMinor = 1;
  const CharacterMajor* major = files.FindMajor("nvidia-uvm");
  const DeviceFile* uvm = files.Find("/dev/nvidia-uvm");
  Findings findings;
  // One that an unloaded module left is a character device yet, and works once the module is back.
  if (uvm != nullptr && (major != nullptr || uvm->type != DeviceFileType::kCharacter)) {
    Append(NumberCheck(files, *uvm).Problems(major, 0, "nvidia-uvm"), &findings);
  } else if (uvm == nullptr && major != nullptr) {
    findings.push_back(
        {.found = fmt::format("/dev/nvidia-uvm is missing, though the module is loaded (major {})", major->major),
         .where = files.At(major->line),
         .advice = "nvidia-modprobe -u -c 0 makes it; without it CUDA programs do not start."});
  }
  const DeviceFile* tools = files.Find("/dev/nvidia-uvm-tools");
  if (tools != nullptr && major != nullptr) {
    Append(NumberCheck(files, *tools).Problems(major, kToolsMinor, "nvidia-uvm"), &findings, true);
  }
  return findings;
}

Findings OpenProblems(const DeviceFilesEvidence& files) {
  std::vector<const DeviceFile*> needed;
  if (const DeviceFile* control = files.Find("/dev/nvidiactl")) needed.push_back(control);
  const DeviceFile* uvm = files.Find("/dev/nvidia-uvm");
  if (uvm != nullptr && uvm->type == DeviceFileType::kCharacter && files.FindMajor("nvidia-uvm") != nullptr) {
    needed.push_back(uvm);
  }
  for (const auto& [minor, file] : files.GpuFiles()) needed.push_back(file);
  if (needed.empty()) {
    return {{.found = "there is no device file of a GPU that could be opened",
             .where = files.At(files.last_line),
             .advice = "Look whether the module nvidia is loaded."}};
  }
  Findings findings;
  for (const DeviceFile* file : needed) {
    if (!file->opens) findings.push_back(OpenProblem(files, *file));
  }
  return findings;
}

}  // namespace passthrough
