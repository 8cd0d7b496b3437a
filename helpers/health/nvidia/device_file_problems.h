// What is wrong with the files below /dev that programs open to use a GPU.
//
// Numbers: the driver registers one major, 195, for GPUs (minors 0 to 247), modeset (254) and control (255)
// (kernel-open/common/inc/nv-chardev-numbers.h of NVIDIA's open kernel modules); those of nvidia-uvm and nvidia-caps
// are given out as the module is loaded.
#pragma once

#include <map>
#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/device_files_evidence.h"

namespace passthrough {

// /dev/nvidiactl is missing, no character device, or another than the driver's. Notes: the same of /dev/nvidia-modeset
// and of the files of MIG's capabilities, which most programs do without.
Findings ControlDeviceProblems(const DeviceFilesEvidence& files);

// /dev/nvidia0, …: another number of them than `planned` GPUs; each as above, with the minor of its name; and, where
// the driver says which minors its GPUs have (by GPU, "0000:01:00.0"), the file of each is there.
Findings GpuDeviceProblems(const DeviceFilesEvidence& files, size_t planned, const std::map<std::string, int>& minors);

// /dev/nvidia-uvm, once its module is loaded. Its file of tools, for debuggers, is worth a note.
Findings UvmDeviceProblems(const DeviceFilesEvidence& files);

// Those that are there and cannot be opened for reading and writing by the user that the probe ran as, each with what
// is to be done about its reason.
Findings OpenProblems(const DeviceFilesEvidence& files);

}  // namespace passthrough
