// The address of one PCI function: domain, bus, device, function.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace passthrough {

// Prints and compares as sysfs writes it: "0000:01:00.0".
struct PciAddress {
  // 16 bits in firmware's tables; Linux makes more for buses of its own, from 0x10000 on (Intel VMD,
  // drivers/pci/controller/vmd.c, vmd_find_free_domain). nvidia-smi prints eight digits.
  uint32_t domain = 0;
  uint8_t bus = 0;
  uint8_t device = 0;    // 0 to 31 (PCI Local Bus 3.0, 3.2.2.3.4); libvirt calls it slot
  uint8_t function = 0;  // 0 to 7

  // Reads "dddd:bb:dd.f" with four to eight digits of the domain, hex in either case; nullopt for anything else. Takes
  // whatever ToString() prints.
  static std::optional<PciAddress> Parse(std::string_view text);

  // "dddd:bb:dd.f", lower case, as sysfs and lspci -D have it: more digits where the domain needs them.
  std::string ToString() const;

  // The same device, whatever the function.
  bool SameDevice(const PciAddress& other) const {
    return domain == other.domain && bus == other.bus && device == other.device;
  }

  auto operator<=>(const PciAddress&) const = default;
};

// For GoogleTest's messages.
std::ostream& operator<<(std::ostream& out, const PciAddress& address);

}  // namespace passthrough
