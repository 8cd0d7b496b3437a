// NVIDIA's vendor id of PCI (pci.ids, 10de).
#pragma once

#include <cstdint>

namespace passthrough {

inline constexpr uint16_t kNvidiaVendorId = 0x10de;

}  // namespace passthrough
