// What the checks ask of a node's kernel log: of that since its boot, and of what came after a disruption.
#pragma once

#include <vector>

#include "fixtures/check.h"
#include "helpers/health/finding.h"
#include "helpers/health/kernel_log_problems.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// The node's functions that the plan passes to it: where libvirt attached them, or, where that is not known, those with
// their ids.
std::vector<const PciFunction*> PlannedFunctionsOf(const PlannedNode& node, const PciEvidence& pci);

// Devices that stopped answering, as the kernel and the drivers of the node's GPUs say it.
Findings LostDevicesOf(const PlannedNode& node, const KernelLog& log, const LogDevices& devices,
                       HotPlug hot_plug = HotPlug::kNone);

// BARs of planned functions, and of all of their GPUs' makers, without an address.
Findings BarsWithoutSpaceOf(const PlannedNode& node, const KernelLog& log, const PciEvidence& pci);

// What the drivers of single functions say, and what belongs to no class; not what a maker's checks report.
Findings DeviceErrorsOf(const PlannedNode& node, const KernelLog& log, const LogDevices& devices);

// The node's kernel failed or stalled, or its memory, hardware or disks did. An emulated node stalls without any fault.
Findings KernelFailures(const KernelLog& log);

// All of these, PCIe errors and IOMMU faults, for a log of what came after a disruption.
Findings AllOfKernelLog(const PlannedNode& node, const KernelLog& log, const PciEvidence& pci, HotPlug hot_plug);

}  // namespace passthrough
