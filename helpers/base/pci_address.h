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
  uint32_t domain = 0;   // 16 bits on ordinary machines; 32 on some (nvidia-smi prints eight digits)
  uint8_t bus = 0;
  uint8_t device = 0;    // 0 to 31 (PCI Local Bus 3.0, 3.2.2.3.4); libvirt calls it slot
  uint8_t function = 0;  // 0 to 7

  // Reads "dddd:bb:dd.f" or "dddddddd:bb:dd.f", hex in either case; nullopt for anything else.
  static std::optional<PciAddress> Parse(std::string_view text);

  // "dddd:bb:dd.f", lower case, as sysfs and lspci -D have it.
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
