// Where in a node's PCI bus a host device is that libvirt attached to its domain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "helpers/inventory/inventory.h"
#include "helpers/libvirt/pci_controllers.h"
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

// "00/02.1/00.0": the root bus and the slots, in hexadecimal.
std::string ToText(const BusPath& path);

// The path to `address` of a domain's XML; nothing where its controllers do not lead to a root.
std::optional<BusPath> PathTo(const PciAddress& address, const std::vector<PciController>& controllers);

// The function at the end of `path`; nullptr where the node has none there.
const PciFunction* FollowPath(const BusPath& path, const PciEvidence& pci);

// How a host device is attached to a domain.
struct Attachment {
  std::optional<BusPath> path;  // nothing where it leads nowhere
  std::string address;          // how libvirt writes it
  std::string problem;          // why it is not attached, a sentence's part; empty: it is
};

// By the <hostdev> that `domain` has for `device`, a host function.
Attachment AttachmentOf(const PciAddress& device, const DomainInventory& domain,
                        const std::vector<PciController>& controllers);

}  // namespace passthrough
