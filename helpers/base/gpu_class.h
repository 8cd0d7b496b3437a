// Which PCI classes GPUs have.
#pragma once

#include <cstdint>

namespace passthrough {

// By base class of the 24 bits of `class_code`: display controllers (03), and processing accelerators (12), as which
// GPUs without any display are told to the system, such as AMD's MI300X (1200). Source: PCI Code and ID Assignment
// Specification 1.11, 1.4 and 1.19.
constexpr bool IsGpuClass(uint32_t class_code) {
  const uint32_t base_class = class_code >> 16;
  return base_class == 0x03 || base_class == 0x12;
}

}  // namespace passthrough
