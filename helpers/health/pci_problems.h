// What sysfs says is wrong with a PCI function beyond its presence. `name`: "GPU 0000:01:00.0".
#pragma once

#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// Its config space cannot be read; reads all ones, as that of a device that is dead or gone does, or ones in part; or
// it says other than what the kernel read when it found the function: zeros and lost BARs after a reset, the ids of
// another device. What differs and may be a quirk of the kernel's or an offset of the host bridge's is a note.
Findings ConfigProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// It has no BAR, one of memory without an address (PciResource::IsMissed), one that the device has and the node's
// kernel has not, as after a reset or where it gave up on it (Linux, drivers/pci/setup-res.c, reset_resource); or it is
// a GPU without BAR 0, which all have.
Findings BarProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// Uncorrected errors (fatal and non-fatal) that AER counted for it. Corrected ones are none: the link
// repeats the transfer without loss. In a VM only what its emulated machine puts there counts: on a real host the
// host's kernel handles AER of a device that is passed through, and VFIO has QEMU stop the VM after a fatal one, so
// that Node.IsThereAsPlanned finds the domain paused.
Findings AerCounterProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// The function is near no processor of the node, where the node has several NUMA nodes: it is on one that is not there,
// or on one without processors. On none at all is a note: libvirt puts devices there unless it is told otherwise. With
// one NUMA node there is nothing to be far from.
Findings NumaProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

}  // namespace passthrough
