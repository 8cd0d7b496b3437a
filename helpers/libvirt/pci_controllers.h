// The PCI bridges that libvirt gives a domain, as far as they are needed to find in the guest what
// is attached to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"

namespace passthrough {

// A <controller type='pci'>. In domain XML the "bus" of an address is the index of the controller
// that it hangs on, not the bus number that the guest's firmware gives that bridge
// (https://libvirt.org/pci-addresses.html).
struct PciController {
  int index = 0;
  std::string model;                  // "pcie-root", "pcie-root-port", …
  std::optional<PciAddress> address;  // bus: index of the controller above; absent for roots
  // <target busNr='254'>, of an expander bus: the number that the new root bus has in the guest
  // (https://libvirt.org/formatdomain.html#controllers).
  std::optional<uint8_t> bus_number;
};

// Throws LibvirtError for malformed XML.
std::vector<PciController> ReadPciControllers(std::string_view domain_xml);

// Addresses of the domain's devices that are QEMU's own and no host device, in terms of those controllers. Throws
// LibvirtError for malformed XML.
std::vector<PciAddress> ReadEmulatedFunctions(std::string_view domain_xml);

}  // namespace passthrough
