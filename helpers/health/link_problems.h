// Whether a device's PCIe link is as good as the device can.
//
// What a VM sees: QEMU's vfio-pci shows Link Capabilities and Link Status of the real device where it sits
// behind a root port of the VM, and none at all (sysfs: width 0 of 255) where it sits on the root bus
// (QEMU, hw/vfio/pci.c, vfio_setup_pcie_cap). The VM's own root port is emulated and says nothing of the
// real slot; that is known on the host alone. Where the host does not know it either (it is a VM itself, or the GPU
// sits on its root bus), a link that is less than the device can have is a note: a healthy Tesla T4 in a cloud's VM
// has 8 of its 16 lanes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "helpers/health/finding.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// What the real slot can, as the host knows it; nothing: not known.
struct SlotLimits {
  std::optional<int> width;       // lanes
  std::optional<int> generation;  // 1: 2.5 GT/s, 2: 5, 3: 8, 4: 16, 5: 32, 6: 64, 7: 128
};

// The generation with that many GT/s per lane; nothing where there is none.
std::optional<int> PcieGeneration(double gigatransfers);

// The generation of "16.0 GT/s PCIe", as sysfs has it; nothing for "Unknown" and the like.
std::optional<int> PcieGeneration(std::string_view speed);

// All that a link of `width` lanes at `speed` ("16.0 GT/s PCIe", as sysfs has it) can carry in one
// direction, in GB/s; nullopt where `speed` is none that PCI Express has.
std::optional<double> PcieLinkRate(std::string_view speed, int width);

// What `current` is short of `most` (of the device) and of `limit` (of its slot); none where it is not. What is
// possible is put behind `found`. Where the slot's limit is not known, the finding is a note.
Findings LinkBelowItsLimit(int current, int most, const std::optional<int>& limit, const std::string& found,
                           const std::string& where);

// What sysfs says of the link and no link can have: a speed or a width that is not in the specification's set, more now
// than at most. Where nothing can be read of a GPU's link is a note. None of a function that does not answer.
Findings LinkFieldProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// Lanes in use against lanes that device and slot have, from sysfs. `name`: "GPU 0000:01:00.0".
Findings LinkWidthProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name,
                           const SlotLimits& slot);

// The speed that sysfs had while copies were under way, against the best of device and slot. None where either is
// not known. `where`: of `under_load` in the evidence.
Findings LinkSpeedUnderLoadProblems(std::string_view under_load, const std::string& where, const PciFunction& function,
                                    const std::string& name, const SlotLimits& slot);

}  // namespace passthrough
