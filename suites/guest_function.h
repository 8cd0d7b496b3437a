// Which function of a node's PCI bus is a planned host device.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fixtures/check.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// A way down a node's PCI bus, independent of the bus numbers that its firmware gives to bridges: a root bus, then a
// slot on each bus below; the last one is the function's own.
struct BusPath {
  struct Slot {
    uint8_t device = 0;
    uint8_t function = 0;
  };
  uint8_t root_bus = 0;  // as the node numbers it
  std::vector<Slot> slots;
};

// The function at the end of `path`; nullptr where the node has none there.
const PciFunction* FollowPath(const BusPath& path, const PciEvidence& pci);

// A planned device's function in the node, or why it is not known.
struct GuestFunction {
  const PciFunction* function = nullptr;  // points into the evidence it was looked up in
  std::string problem;                    // a sentence's part; empty where there is a function
  std::string where;                      // evidence for the problem
};

// Throws EvidenceError where the evidence of how the device is attached is missing.
GuestFunction FindGuestFunction(const DiscoveredNode& domain, const PlannedDevice& device, const PciEvidence& pci);

// The host devices of the domain as libvirt has them while it runs. Throws EvidenceError.
const DomainInventory& DomainOnHost(const DiscoveredNode& domain);

}  // namespace passthrough
