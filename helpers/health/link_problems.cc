#include "helpers/health/link_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace passthrough {
namespace {

constexpr std::string_view kAdvice =
    "Reseat the card, look for dirt on its contacts and at riser and slot; where the slot cannot do more, "
    "put the card into a better one.";
constexpr std::string_view kUnknownSlot =
    "The host does not tell what its slot can: that may be no more. Compare with LnkCap of the port above it in "
    "lspci -vv on the host.";

// PCIE_LNK_WIDTH_UNKNOWN of the kernel's include/linux/pci.h: what sysfs prints where there is no link.
constexpr int kUnknownWidth = 0xff;

// The number that `text` begins with: "16x", "4", "99 %".
std::optional<int> LeadingNumber(const NvidiaSmiField* field) {
  if (field == nullptr) return std::nullopt;
  int value = 0;
  const std::string& text = field->text;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

// Performance states P0 (maximum) to P15; P2 is where CUDA programs run on many GPUs.
bool SaysItWorks(const NvidiaSmiGpu& gpu) {
  const NvidiaSmiField* state = gpu.Find("performance_state");
  if (state == nullptr || (state->text != "P0" && state->text != "P1" && state->text != "P2")) return false;
  for (const std::string_view path : {"clocks_event_reasons/clocks_event_reason_gpu_idle",
                                      "clocks_throttle_reasons/clocks_throttle_reason_gpu_idle"}) {
    const NvidiaSmiField* idle = gpu.Find(path);
    if (idle != nullptr && idle->text == "Active") return false;
  }
  return LeadingNumber(gpu.Find("utilization/gpu_util")).value_or(0) > 0;
}

// `most`: of the device; `limit`: of its slot. What is possible is put behind `found`.
HealthProblems Judge(int current, int most, const std::optional<int>& limit, const std::string& found,
                     const std::string& where) {
  const int possible = limit ? std::min(most, *limit) : most;
  if (current >= possible) return {};
  return {{fmt::format("{}{}{}", found, possible, limit ? " in its slot" : ""), where,
           std::string(limit ? kAdvice : kUnknownSlot), !limit.has_value()}};
}

}  // namespace

std::optional<int> PcieGeneration(double gigatransfers) {
  constexpr std::array<double, 6> kSpeeds{2.5, 5, 8, 16, 32, 64};
  for (size_t i = 0; i < kSpeeds.size(); ++i) {
    if (gigatransfers == kSpeeds[i]) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

HealthProblems LinkWidthProblems(const PciEvidence& pci, const PciFunction& function,
                                 const std::string& name, const SlotLimits& slot) {
  const int current = function.current_link_width.value_or(0);
  const int most = function.max_link_width.value_or(0);
  if (current == 0 || most == 0 || most == kUnknownWidth || current == kUnknownWidth) return {};
  return Judge(current, most, slot.width,
               fmt::format("{}: its PCIe link has {} lanes, it can have ", name, current), pci.At(function.line));
}

HealthProblems LinkWidthProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot) {
  const NvidiaSmiField* field = gpu.Find("pci/pci_gpu_link_info/link_widths/current_link_width");
  const int current = LeadingNumber(field).value_or(0);
  const int most =
      LeadingNumber(gpu.Find("pci/pci_gpu_link_info/link_widths/max_link_width")).value_or(0);
  if (current == 0 || most == 0) return {};
  return Judge(current, most, slot.width,
               fmt::format("GPU {}: nvidia-smi says that its PCIe link has {} lanes, it can have ",
                           gpu.bus_id.ToString(), current),
               xml.At(field->line));
}

HealthProblems LinkSpeedProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot) {
  if (!SaysItWorks(gpu)) return {};
  const NvidiaSmiField* field = gpu.Find("pci/pci_gpu_link_info/pcie_gen/current_link_gen");
  const int current = LeadingNumber(field).value_or(0);
  const int most = LeadingNumber(gpu.Find("pci/pci_gpu_link_info/pcie_gen/max_link_gen")).value_or(0);
  if (current == 0 || most == 0) return {};
  return Judge(current, most, slot.generation,
               fmt::format("GPU {}: while it works, its PCIe link runs at generation {}, it can run at ",
                           gpu.bus_id.ToString(), current),
               xml.At(field->line));
}

std::optional<int> PcieGeneration(std::string_view speed) {
  double gigatransfers = 0;
  const char* const end = speed.data() + speed.size();
  const auto [rest, error] = std::from_chars(speed.data(), end, gigatransfers, std::chars_format::fixed);
  if (error != std::errc() || !std::string_view(rest, static_cast<size_t>(end - rest)).starts_with(" GT/s")) {
    return std::nullopt;
  }
  return PcieGeneration(gigatransfers);
}

HealthProblems LinkSpeedUnderLoadProblems(std::string_view under_load, const std::string& where,
                                          const PciFunction& function, const std::string& name,
                                          const SlotLimits& slot) {
  const std::optional<int> current = PcieGeneration(under_load);
  const std::optional<int> most = PcieGeneration(function.max_link_speed);
  if (!current || !most) return {};
  return Judge(*current, *most, slot.generation,
               fmt::format("{}: during copies, its PCIe link runs at generation {} ({}), it can run at ", name,
                           *current, under_load),
               where);
}

}  // namespace passthrough
