// Which function of a node's PCI bus is a planned host device.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "fixtures/check.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// Virtual I/O Device (VIRTIO) 1.2, 4.1.2.
inline constexpr uint16_t kVirtioVendor = 0x1af4;

// A planned device's function in the node, or why it is not known.
struct GuestFunction {
  const PciFunction* function = nullptr;  // points into the evidence it was looked up in
  std::string problem;                    // a sentence's part; empty where there is a function
  std::string where;                      // evidence for the problem
};

// Throws EvidenceError where the evidence of how the device is attached is missing.
GuestFunction FindGuestFunction(const DiscoveredNode& domain, const PlannedDevice& device, const PciEvidence& pci);

// The same. Throws EvidenceError where the node does not have the function: then nothing more of the device, `name`,
// can be checked.
const PciFunction& RequireGuestFunction(const PlannedNode& node, const DiscoveredNode& domain,
                                        const PlannedDevice& device, const std::string& name, const PciEvidence& pci);

// The functions of the node that are its domain's own devices: QEMU's, and no host's. Throws EvidenceError where the
// domain's XML is missing.
std::set<const PciFunction*> EmulatedFunctions(const DiscoveredNode& domain, const PciEvidence& pci);

// The host devices of the domain as libvirt has them while it runs. Throws EvidenceError.
const DomainInventory& DomainOnHost(const DiscoveredNode& domain);

}  // namespace passthrough
