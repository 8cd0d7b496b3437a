#include "helpers/parsers/pci_class.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "helpers/base/gpu_class.h"

namespace passthrough {
namespace {

// By base class, 00 to 13; what follows is reserved but for ff.
constexpr std::array<std::string_view, 0x14> kBaseClasses = {"device from before class codes",
                                                             "mass storage controller",
                                                             "network controller",
                                                             "display controller",
                                                             "multimedia device",
                                                             "memory controller",
                                                             "bridge",
                                                             "simple communication controller",
                                                             "base system peripheral",
                                                             "input device",
                                                             "docking station",
                                                             "processor",
                                                             "serial bus controller",
                                                             "wireless controller",
                                                             "intelligent I/O controller",
                                                             "satellite communication controller",
                                                             "encryption or decryption controller",
                                                             "data acquisition or signal processing controller",
                                                             "processing accelerator",
                                                             "non-essential instrumentation"};

// Sub-classes that people meet in a passthrough, by base class and sub-class.
constexpr std::array<std::pair<uint16_t, std::string_view>, 14> kSubClasses = {{
    {0x0106, "SATA controller"},
    {0x0108, "NVM controller"},
    {0x0200, "Ethernet controller"},
    {0x0207, "InfiniBand controller"},
    {0x0300, "VGA-compatible display controller"},
    {0x0302, "3D controller"},
    {0x0380, "other display controller"},
    {0x0401, "audio device"},
    {0x0403, "HD audio device"},
    {0x0600, "host bridge"},
    {0x0604, "PCI-to-PCI bridge"},
    {0x0680, "other bridge"},
    {0x0c03, "USB controller"},
    {0x1200, "processing accelerator"},
}};

// The base class that `type` demands; nullopt: any, or, of a GPU, one of several.
std::optional<uint8_t> DemandedBaseClass(DeviceType type) {
  switch (type) {
    case DeviceType::kAudio:
      return 0x04;
    case DeviceType::kNetwork:
      return 0x02;
    case DeviceType::kStorage:
      return 0x01;
    case DeviceType::kGpu:
    case DeviceType::kOther:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string PciBaseClassName(uint8_t base_class) {
  if (base_class < kBaseClasses.size()) return std::string(kBaseClasses[base_class]);
  if (base_class == 0xff) return "device of no defined class";
  return fmt::format("device of class {:#04x}, which is not assigned", base_class);
}

std::string PciClassText(uint32_t class_code) {
  auto code = static_cast<uint16_t>(class_code >> 8);
  for (const auto& [known, name] : kSubClasses) {
    if (known == code) return fmt::format("{} [{:04x}]", name, code);
  }
  return fmt::format("{} [{:04x}]", PciBaseClassName(static_cast<uint8_t>(code >> 8)), code);
}

bool PciClassFits(uint32_t class_code, DeviceType type) {
  if (type == DeviceType::kGpu) return IsGpuClass(class_code);
  std::optional<uint8_t> demanded = DemandedBaseClass(type);
  return !demanded || class_code >> 16 == *demanded;
}

std::string AllowedPciClassText(DeviceType type) {
  if (type == DeviceType::kGpu) return "a display controller (class 03) or a processing accelerator (class 12)";
  std::optional<uint8_t> demanded = DemandedBaseClass(type);
  if (!demanded) return "any class";
  return fmt::format("a {} (class {:02x})", PciBaseClassName(*demanded), *demanded);
}

}  // namespace passthrough
