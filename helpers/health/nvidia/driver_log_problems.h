// What NVIDIA's drivers say in a node's kernel log is wrong with its GPUs, by classes of lines (the texts are those of
// NVIDIA's open GPU kernel modules, github.com/NVIDIA/open-gpu-kernel-modules). The log begins at the node's boot, so
// nothing from before it counts. Equal lines are reported once, with how often they came.
#pragma once

#include <string_view>

#include "helpers/health/finding.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/nvidia/modules_evidence.h"

namespace passthrough {

// Whose work the GPUs did since the node's boot.
enum class GpuUse { kOfThisRun, kOfOthersToo };

// Every Xid (see xid_table.h), but for 154 that says that no action is needed any more; and every SXid (of an
// NVSwitch) that is fatal. One that says that it was corrected, or is not fatal, is a note. Where others used the GPUs,
// too, so is what only shows a program's own error (as a job that was killed leaves it), and an error of memory that
// was contained and asks for no reset.
Findings XidProblems(const KernelLog& log, GpuUse use = GpuUse::kOfThisRun);

// A GPU that the driver lost and says so without an Xid: "fallen off the bus", "GPU is lost".
Findings LostGpuProblems(const KernelLog& log);

// The driver gave up on a device: RmInitAdapter, GSP firmware, a GPU that this release does not know, a
// library of another release. Not that the kernel had no firmware file for it ("Direct firmware load for nvidia/…"):
// the open modules then say that they cannot do without, the proprietary ones go on (module parameter
// EnableGpuFirmware). A note where the module was loaded anew later, or took the device into service: then what it says
// since then counts; and where others use the GPUs, too, that a program has a library of another release: a
// container's. The node's own is that of nvidia-smi, which fails with it.
Findings DriverInitProblems(const KernelLog& log, GpuUse use = GpuUse::kOfThisRun);

// What the driver's modules (nvidia, -modeset, -drm, -uvm, NVLink, NVSwitch) say went wrong without an Xid: that the
// GPU, its firmware or a display engine does not answer in time, that the driver's state is lost, that it fell back to
// a lesser kind of interrupt, that a GPU was removed while in use. Other lines of it that have an error's words are
// notes. Not what the functions above report.
Findings DriverErrorProblems(const KernelLog& log);

// The lines that the functions of this header look at, for neutral checks to leave them out.
bool IsOfNvidiaDriver(std::string_view line);

// Why the module nvidia is not there: wrong kernel, rejected signature, unknown symbol. None where it is
// loaded: then an earlier refusal was made good.
Findings RefusedModuleProblems(const KernelLog& log, const ModulesEvidence& modules);

}  // namespace passthrough
