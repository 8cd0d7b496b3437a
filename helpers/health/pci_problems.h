// What sysfs says is wrong with a PCI function beyond its presence.
#pragma once

#include <string>

#include "helpers/health/health_problem.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// Uncorrected errors (fatal and non-fatal) that AER counted for it. Corrected ones are none: the link
// repeats the transfer without loss. In a VM only what its emulated machine puts there counts: on a real host the
// host's kernel handles AER of a device that is passed through, and VFIO has QEMU stop the VM after a fatal one, so
// that Node.IsThereAsPlanned finds the domain paused. `name`: "GPU 0000:01:00.0".
HealthProblems AerCounterProblems(const PciEvidence& pci, const PciFunction& function,
                                  const std::string& name);

// The function is near no processor of the node, where the node has several NUMA nodes: it is on none, on
// one that is not there, or on one without processors. With one NUMA node there is nothing to be far from.
HealthProblems NumaProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

}  // namespace passthrough
