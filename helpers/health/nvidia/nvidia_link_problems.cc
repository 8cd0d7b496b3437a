#include "helpers/health/nvidia/nvidia_link_problems.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace passthrough {
namespace {

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
  // A mean of up to a second, where state and link are of the moment: little of it says nothing of now.
  return LeadingNumber(gpu.Find("utilization/gpu_util")).value_or(0) >= 50;
}

}  // namespace

Findings LinkWidthProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot) {
  const NvidiaSmiField* field = gpu.Find("pci/pci_gpu_link_info/link_widths/current_link_width");
  const int current = LeadingNumber(field).value_or(0);
  const int most = LeadingNumber(gpu.Find("pci/pci_gpu_link_info/link_widths/max_link_width")).value_or(0);
  if (current == 0 || most == 0) return {};
  return LinkBelowItsLimit(current, most, slot.width,
                           fmt::format("GPU {}: nvidia-smi says that its PCIe link has {} lanes, it can have ",
                                       gpu.bus_id.ToString(), current),
                           xml.At(field->line));
}

Findings LinkSpeedProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot) {
  if (!SaysItWorks(gpu)) return {};
  const NvidiaSmiField* field = gpu.Find("pci/pci_gpu_link_info/pcie_gen/current_link_gen");
  const int current = LeadingNumber(field).value_or(0);
  const int most = LeadingNumber(gpu.Find("pci/pci_gpu_link_info/pcie_gen/max_link_gen")).value_or(0);
  if (current == 0 || most == 0) return {};
  return LinkBelowItsLimit(current, most, slot.generation,
                           fmt::format("GPU {}: while it works, its PCIe link runs at generation {}, it can run at ",
                                       gpu.bus_id.ToString(), current),
                           xml.At(field->line));
}

}  // namespace passthrough
