#include "helpers/health/link_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "helpers/base/gpu_class.h"
#include "helpers/base/text.h"

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

// PCI Express Base Specification, 7.5.3.6, Maximum Link Width.
constexpr std::array<int, 7> kWidths{1, 2, 4, 8, 12, 16, 32};

constexpr std::string_view kImpossible =
    "The device does not answer as it should, or what emulates its PCI Express capability is wrong: compare with "
    "LnkCap and LnkSta of lspci -vv on the host, and look for resets in the kernel logs.";

bool IsWidth(int width) { return std::find(kWidths.begin(), kWidths.end(), width) != kWidths.end(); }

// "16.0 GT/s PCIe" and the like: whoever printed it meant a speed.
bool SaysSpeed(std::string_view text) { return text.find("GT/s") != std::string_view::npos; }

bool HasLanes(const std::optional<int>& width) { return width && *width != 0 && *width != kUnknownWidth; }

std::vector<std::string> UnreadFields(const PciFunction& function) {
  std::vector<std::string> fields;
  if (!PcieGeneration(function.current_link_speed)) fields.emplace_back("current_link_speed");
  if (!PcieGeneration(function.max_link_speed)) fields.emplace_back("max_link_speed");
  if (!HasLanes(function.current_link_width)) fields.emplace_back("current_link_width");
  if (!HasLanes(function.max_link_width)) fields.emplace_back("max_link_width");
  return fields;
}

}  // namespace

Findings LinkBelowItsLimit(int current, int most, const std::optional<int>& limit, const std::string& found,
                           const std::string& where) {
  const int possible = limit ? std::min(most, *limit) : most;
  if (current >= possible) return {};
  return {{fmt::format("{}{}{}", found, possible, limit ? " in its slot" : ""), where,
           std::string(limit ? kAdvice : kUnknownSlot), !limit.has_value()}};
}

std::optional<double> PcieLinkRate(std::string_view speed, int width) {
  // GT/s and GB/s a lane: 8b/10b encoding up to 5 GT/s, 128b/130b up to 32, flits of 256 bytes with 242 of
  // data from 64 on (PCI Express Base Specification 6.0, 4.2).
  struct Speed {
    double transfers;
    double rate;
  };
  static constexpr std::array<Speed, 6> kSpeeds{
      {{2.5, 0.25}, {5, 0.5}, {8, 0.9846}, {16, 1.9692}, {32, 3.9385}, {64, 7.5625}}};
  double transfers = 0;
  const auto [rest, error] = std::from_chars(speed.data(), speed.data() + speed.size(), transfers);
  const std::string_view unit = Trim(speed.substr(static_cast<size_t>(rest - speed.data())));
  if (error != std::errc() || !unit.starts_with("GT/s") || width < 1) return std::nullopt;
  for (const Speed& one : kSpeeds) {
    if (one.transfers == transfers) return one.rate * width;
  }
  return std::nullopt;
}

std::optional<int> PcieGeneration(double gigatransfers) {
  constexpr std::array<double, 7> kSpeeds{2.5, 5, 8, 16, 32, 64, 128};
  for (size_t i = 0; i < kSpeeds.size(); ++i) {
    if (gigatransfers == kSpeeds[i]) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
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

Findings LinkFieldProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const bool is_gone = function.ConfigIsDead() || function.ConfigVendor().value_or(function.vendor) != function.vendor;
  if (is_gone) return {};
  Findings problems;
  const auto add = [&](const std::string& what) {
    problems.push_back({name + ": " + what, pci.At(function.line), std::string(kImpossible)});
  };
  for (const auto& [field, text] : {std::pair("current_link_speed", &function.current_link_speed),
                                    std::pair("max_link_speed", &function.max_link_speed)}) {
    if (SaysSpeed(*text) && !PcieGeneration(*text)) add(fmt::format("{} is {}, which no PCIe link has", field, *text));
  }
  for (const auto& [field, width] : {std::pair("current_link_width", &function.current_link_width),
                                     std::pair("max_link_width", &function.max_link_width)}) {
    if (HasLanes(*width) && !IsWidth(**width)) add(fmt::format("{} is {}, which no PCIe link has", field, **width));
  }
  const auto current = PcieGeneration(function.current_link_speed);
  const auto most = PcieGeneration(function.max_link_speed);
  if (current && most && *current > *most) {
    add(fmt::format("its link runs at {}, and can run at {} at most", function.current_link_speed,
                    function.max_link_speed));
  }
  const bool both = HasLanes(function.current_link_width) && HasLanes(function.max_link_width);
  if (both && *function.current_link_width > *function.max_link_width) {
    add(fmt::format("its link has {} lanes, and can have {} at most", *function.current_link_width,
                    *function.max_link_width));
  }
  if (current && HasLanes(function.max_link_width) && function.current_link_width == 0) {
    add(fmt::format("its link runs at {}, with 0 lanes", function.current_link_speed));
  }
  if (problems.empty() && IsGpuClass(function.class_code)) {
    const std::vector<std::string> unread = UnreadFields(function);
    // Below a port the four come together, or the function is none of PCI Express.
    const bool is_express = !function.current_link_speed.empty() || !function.max_link_speed.empty();
    const bool worth_a_note = function.parent ? is_express && unread.size() == 4 : !unread.empty();
    if (worth_a_note) {
      problems.push_back({fmt::format("{}: of its PCIe link, {} cannot be read{}", name, JoinForHumans(unread),
                                      function.parent ? "" : ", for it is on a root bus of the node"),
                          pci.At(function.line),
                          "To see the real link in the node, attach the device to a pcie-root-port of the domain.",
                          true});
    }
  }
  return problems;
}

Findings LinkWidthProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name,
                           const SlotLimits& slot) {
  const int current = function.current_link_width.value_or(0);
  const int most = function.max_link_width.value_or(0);
  if (current == 0 || most == 0 || most == kUnknownWidth || current == kUnknownWidth) return {};
  return LinkBelowItsLimit(current, most, slot.width,
                           fmt::format("{}: its PCIe link has {} lanes, it can have ", name, current),
                           pci.At(function.line));
}

Findings LinkSpeedUnderLoadProblems(std::string_view under_load, const std::string& where, const PciFunction& function,
                                    const std::string& name, const SlotLimits& slot) {
  const std::optional<int> current = PcieGeneration(under_load);
  const std::optional<int> most = PcieGeneration(function.max_link_speed);
  if (!current || !most) return {};
  return LinkBelowItsLimit(*current, *most, slot.generation,
                           fmt::format("{}: during copies, its PCIe link runs at generation {} ({}), it can run at ",
                                       name, *current, under_load),
                           where);
}

}  // namespace passthrough
