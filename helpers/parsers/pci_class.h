// PCI class codes in words, and which of them a planned device of some type may have.
// Source: PCI Code and ID Assignment Specification 1.11, chapter 1 (PCI-SIG).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "helpers/config/cluster_file.h"

namespace passthrough {

// "display controller" for 0x03; "class 0x42" in words for those that are not assigned.
std::string PciBaseClassName(uint8_t base_class);

// "VGA-compatible display controller [0300]": name and code as messages show them.
std::string PciClassText(uint32_t class_code);

// Whether a function of that class can be what the cluster file calls `type`: a gpu is a display
// controller (03) or a processing accelerator (12), audio a multimedia device (04), network 02, storage 01; other may
// be anything.
bool PciClassFits(uint32_t class_code, DeviceType type);

// What PciClassFits allows, in words: "a display controller (class 03)".
std::string AllowedPciClassText(DeviceType type);

}  // namespace passthrough
