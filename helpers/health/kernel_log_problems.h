// What a node's kernel log says is wrong with PCI devices of whatever maker, by classes of lines that the kernel's PCI
// and IOMMU code can print. Equal lines are reported once, with how often they came. `devices` says whose a function
// is: what befell a device that is not the plan's is a note.
#pragma once

#include <string_view>
#include <vector>

#include "helpers/health/finding.h"
#include "helpers/health/log_devices.h"
#include "helpers/health/log_findings.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// What to do about a device that stopped answering.
inline constexpr std::string_view kLostDeviceAdvice =
    "The device does not answer any more: power-cycle the host, and look at the card's seat, power cables "
    "and its reset on the host (dmesg there, lines with vfio-pci).";

// Whether functions were unplugged on purpose while the log was written: then that a slot went down is in order.
enum class HotPlug { kNone, kOnPurpose };

// A device that stopped answering, by what the kernel's PCI code says of it: "config space inaccessible", "not ready
// … after FLR; giving up", a slot that went down or whose link does not train (drivers/pci/pci.c,
// drivers/pci/hotplug/pciehp_*.c). Not the lines that `reported_elsewhere` accepts: a maker's checks report what its
// driver says, and no line is reported twice.
Findings LostDeviceProblems(const KernelLog& log, const LinePredicate& reported_elsewhere = {},
                            const LogDevices& devices = {}, HotPlug hot_plug = HotPlug::kNone);

// Uncorrected PCIe errors and completion timeouts that AER or DPC reported. Corrected errors are none: the link
// repeats the transfer without loss (PCI Express Base Specification, 6.2.2.1).
Findings PcieErrorProblems(const KernelLog& log);

// BARs 0 to 5 of `functions` for which the last word was that there is no space, or that they cannot be claimed
// (drivers/pci/setup-res.c). The kernel tries several times, so an earlier refusal does not count; nor do I/O ports
// (PciResource::IsMissed), ROMs (6) and windows of bridges (13 to 15).
Findings BarSpaceProblems(const KernelLog& log, const std::vector<const PciFunction*>& functions);

// Accesses of a device that the node's own IOMMU refused, interrupts that it blocked, and an IOMMU that does not
// answer (drivers/iommu: intel/dmar.c, amd/iommu.c, arm/arm-smmu*).
Findings IommuFaultProblems(const KernelLog& log, const LogDevices& devices = {});

// The lines that the functions above look at, for DeviceLogProblems to leave them out.
bool IsOfPciClass(std::string_view line);

}  // namespace passthrough
