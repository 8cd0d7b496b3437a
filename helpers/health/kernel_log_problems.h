// What a node's kernel log says is wrong with its GPUs. The log begins at the node's boot, so nothing of an
// earlier life is judged. Equal lines are told once, with how often they came.
#pragma once

#include "helpers/health/health_problem.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/modules_evidence.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// Whose work the GPUs did since the node's boot.
enum class GpuUse { kOfThisRun, kOfOthersToo };

// Every Xid (see xid_table.h), but for 154 that says that no action is needed any more; and every SXid (of an
// NVSwitch) that is fatal. Where others used the GPUs, too, what only tells of a program's own error (as a job that
// was killed leaves it) is a note.
HealthProblems XidProblems(const KernelLog& log, GpuUse use = GpuUse::kOfThisRun);

// A device that stopped answering, told without an Xid: "fallen off the bus", "config space inaccessible".
HealthProblems LostDeviceProblems(const KernelLog& log);

// The driver gave up on a device: RmInitAdapter, GSP firmware, a GPU that this release does not know, a
// library of another release. Not that the kernel had no firmware file for it ("Direct firmware load for nvidia/…"): the
// open modules then say that they cannot do without, the proprietary ones go on (module parameter EnableGpuFirmware).
HealthProblems DriverInitProblems(const KernelLog& log);

// Why the module nvidia is not there: wrong kernel, rejected signature, unknown symbol. None where it is
// loaded: then an earlier refusal was made good.
HealthProblems RefusedModuleProblems(const KernelLog& log, const ModulesEvidence& modules);

// Uncorrected PCIe errors and completion timeouts that AER reported. Corrected errors are none: the link
// repeats the transfer without loss (PCI Express Base Specification, 6.2.2.1).
HealthProblems PcieErrorProblems(const KernelLog& log);

// BARs 0 to 5 of NVIDIA's functions for which the last word was that there is no space. The kernel tries
// several times, so an earlier refusal does not count; nor do I/O ports (PciResource::IsMissed), ROMs (6) and windows of
// bridges (13 to 15).
HealthProblems BarSpaceProblems(const KernelLog& log, const PciEvidence& pci);

}  // namespace passthrough
