// The files below /dev that programs open to use a GPU.
#include <fmt/format.h>

#include "fixtures/check.h"
#include "helpers/parsers/device_files_evidence.h"

namespace passthrough {
namespace {

constexpr int kControlMinor = 255;  // NV_CONTROL_DEVICE_MINOR of the driver's nv.h

class DeviceFiles : public NodeCheck {
 protected:
  DeviceFilesEvidence Files() {
    const ProbeOutput& output = Probe("device_files");
    return DeviceFilesEvidence::Parse(output.text, output.path);
  }
  // Complains unless `file` is a character device of that major, which a driver has registered by the name
  // of `module`, with that minor.
  void RequireDevice(const DeviceFilesEvidence& files, const DeviceFile& file,
                     const CharacterMajor* major, int minor, const std::string& module = "nvidia") {
    if (file.type != DeviceFileType::kCharacter) {
      Complain({.found = fmt::format("{} is a {}, expected a character device", file.path,
                                     ToString(file.type)),
                .where = files.At(file.line),
                .advice = "Remove it and let nvidia-modprobe or udev make it anew."});
      return;
    }
    if (major == nullptr) {
      Complain({.found = fmt::format("{} is there, but no driver has registered for it: /proc/devices "
                                     "has no {}",
                                     file.path, module),
                .where = files.At(file.line),
                .advice = "Load the module " + module + "."});
    } else if (file.major != major->major || file.minor != minor) {
      Complain({.found = fmt::format("{} is device {}:{}, expected {}:{}", file.path,
                                     file.major.value_or(-1), file.minor.value_or(-1), major->major,
                                     minor),
                .where = files.At(file.line),
                .advice = "Remove it and let nvidia-modprobe or udev make it anew."});
    }
  }
};

PASSTHROUGH_CHECKS(DeviceFiles, GpuNodes, "device_files");

TEST_P(DeviceFiles, ControlDeviceIsThere) {
  const DeviceFilesEvidence files = Files();
  if (const DeviceFile* control = files.Find("/dev/nvidiactl")) {
    RequireDevice(files, *control, files.GpuMajor(), kControlMinor);
    return;
  }
  Complain({.found = "/dev/nvidiactl is missing",
            .where = files.At(files.last_line),
            .advice = "nvidia-modprobe makes it; look whether the module nvidia is loaded."});
}

TEST_P(DeviceFiles, OneForEachGpu) {
  const DeviceFilesEvidence files = Files();
  const auto found = files.GpuFiles();
  if (found.size() != node().GpuCount()) {
    std::vector<std::string> paths;
    for (const auto& [minor, file] : found) paths.push_back(file->path);
    Complain({.found = fmt::format("{} device files of GPUs{}{}, expected {}", found.size(),
                                   paths.empty() ? "" : ": ", fmt::join(paths, ", "),
                                   node().GpuCount()),
              .where = files.At(files.last_line),
              .advice = "nvidia-modprobe -c N makes /dev/nvidiaN; a GPU that failed to initialise has "
                        "none: look at the node's kernel log."});
  }
  for (const auto& [minor, file] : found) RequireDevice(files, *file, files.GpuMajor(), minor);
}

// The module nvidia-uvm is loaded when a program first needs it. Once it is, CUDA needs its device file.
TEST_P(DeviceFiles, UvmDeviceIsThere) {
  const DeviceFilesEvidence files = Files();
  const CharacterMajor* major = files.FindMajor("nvidia-uvm");
  const DeviceFile* uvm = files.Find("/dev/nvidia-uvm");
  // One that an unloaded module left is a character device yet, and works once the module is back.
  if (uvm != nullptr && (major != nullptr || uvm->type != DeviceFileType::kCharacter)) {
    RequireDevice(files, *uvm, major, 0, "nvidia-uvm");
  } else if (uvm == nullptr && major != nullptr) {
    Complain({.found = fmt::format("/dev/nvidia-uvm is missing, though the module is loaded (major {})",
                                   major->major),
              .where = files.At(major->line),
              .advice = "nvidia-modprobe -u -c 0 makes it; without it CUDA programs do not start."});
  }
}

TEST_P(DeviceFiles, SshUserCanOpenThem) {
  const DeviceFilesEvidence files = Files();
  size_t tried = 0;
  const auto require_opens = [&](const DeviceFile& file) {
    ++tried;
    if (file.opens) return;
    Complain({.found = fmt::format("user {} cannot open {} ({}): {}", files.user_id, file.path,
                                   file.mode, file.open_error.empty() ? "not tried" : file.open_error),
              .where = files.At(file.line),
              .advice = "Add the user to the group that owns it, or set NVreg_DeviceFileMode of the "
                        "module nvidia."});
  };
  if (const DeviceFile* control = files.Find("/dev/nvidiactl")) require_opens(*control);
  const DeviceFile* uvm = files.Find("/dev/nvidia-uvm");
  if (uvm != nullptr && uvm->type == DeviceFileType::kCharacter && files.FindMajor("nvidia-uvm") != nullptr) {
    require_opens(*uvm);
  }
  for (const auto& [minor, file] : files.GpuFiles()) require_opens(*file);
  if (tried == 0) {
    Complain({.found = "there is no device file of a GPU that could be opened",
              .where = files.At(files.last_line),
              .advice = "Look whether the module nvidia is loaded."});
  }
}

}  // namespace
}  // namespace passthrough
