#include "helpers/health/pci_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "helpers/base/gpu_class.h"

namespace passthrough {
namespace {

constexpr std::string_view kDeadAfterReset =
    "The device is dead, often after a reset that it does not survive: power-cycle the host, and look for its reset "
    "method (FLR, bus reset).";
constexpr std::string_view kLostInReset =
    "The device was reset, or lost its power, behind its driver's back: look for resets of it in the kernel logs of "
    "node "
    "and host, and reboot the node.";
constexpr std::string_view kAnotherDevice =
    "Another device answers at that address than the node's kernel found there: rescan the node's PCI bus or reboot "
    "it, "
    "and compare the domain's <hostdev> entries with lspci -nn on the host.";

// https://libvirt.org/formatdomain.html#controllers, pcie-expander-bus.
constexpr std::string_view kGiveItANumaNode =
    "Programs cannot be placed near it. In the domain's XML: <controller type='pci' model='pcie-expander-bus'> with "
    "<target busNr='254'><node>N</node></target>, N being the domain's NUMA cell whose processors and memory come from "
    "the card's socket on the host; a pcie-root-port whose <address> has that controller's index as bus; and the root "
    "port's index as bus of the <hostdev>'s second <address>.";

// Offsets in the header of a function that is no bridge, PCI Local Bus 3.0, 6.1.
constexpr size_t kConfigBytes = 64;
constexpr size_t kCardBusCis = 0x28;  // any value may stand there
constexpr uint32_t kOnes = 0xffffffff;

// What a config space that is not dead as a whole says, against what the kernel read when it found the function.
class ConfigChecker {
 public:
  ConfigChecker(const PciEvidence& pci, const PciFunction& function, const std::string& name)
      : pci_(pci), function_(function), name_(name) {}

  Findings Problems() {
    const bool all_zero =
        std::all_of(function_.config.begin(), function_.config.end(), [](uint8_t b) { return b == 0; });
    if (all_zero) {
      Add("its config space reads all zeros", kLostInReset);
      return std::move(problems_);
    }
    CheckOnes();
    if (!problems_.empty()) return std::move(problems_);
    CheckIds();
    if (!problems_.empty()) return std::move(problems_);
    CheckHeader();
    for (int i = 0; i < 6; ++i) CheckBar(i);
    return std::move(problems_);
  }

 private:
  void Add(const std::string& what, std::string_view advice, bool note = false) {
    problems_.push_back({name_ + ": " + what, pci_.At(function_.config_line), std::string(advice), note});
  }

  // In none of these words is a one in each bit possible: each has bits that are reserved, or is an id.
  void CheckOnes() {
    std::vector<std::string> offsets;
    for (size_t offset = 0; offset < kConfigBytes; offset += 4) {
      if (offset != kCardBusCis && function_.ConfigWord(offset) == kOnes)
        offsets.push_back(fmt::format("{:#04x}", offset));
    }
    if (offsets.empty() && function_.ConfigCommand() == 0xffff) offsets.emplace_back("0x04");
    if (offsets.empty() && function_.ConfigVendor() == 0xffff) offsets.emplace_back("0x00");
    if (offsets.empty()) return;
    Add(fmt::format("it answers in part: its config space reads ones at {}", fmt::join(offsets, ", ")),
        kDeadAfterReset);
  }

  void CheckIds() {
    const auto vendor = function_.ConfigVendor().value_or(0);
    const auto device = function_.ConfigDevice().value_or(0);
    if (vendor != function_.vendor || device != function_.device) {
      // 0001 is what a root port makes of "ask again later" (PCI Express Base Specification, 2.3.2).
      const bool is_reset = vendor == 0 || vendor == 1 || device == 0;
      Add(fmt::format("its config space reads {:04x}:{:04x}, the kernel found {} there", vendor, device,
                      function_.Id()),
          is_reset ? kLostInReset : kAnotherDevice);
      return;
    }
    const uint8_t revision = function_.ConfigRevision().value_or(0);
    if (revision != function_.revision) {
      Add(fmt::format("its config space reads revision {:02x}, the kernel found {:02x}", revision, function_.revision),
          kAnotherDevice);
    }
    // Quirks of the kernel give some functions another class than they have (drivers/pci/quirks.c): a note.
    const uint32_t class_code = function_.ConfigClass().value_or(0);
    if (class_code != function_.class_code) {
      Add(fmt::format("its config space reads class {:06x}, the kernel found {:06x}", class_code, function_.class_code),
          class_code == 0 ? kLostInReset : kAnotherDevice, class_code != 0);
    }
    const uint32_t subsystem = function_.ConfigSubsystem().value_or(0);
    const uint32_t found = uint32_t{function_.subsystem_device} << 16 | function_.subsystem_vendor;
    if (subsystem != found) {
      Add(fmt::format("its config space reads subsystem {:04x}:{:04x}, the kernel found {:04x}:{:04x}",
                      subsystem & 0xffff, subsystem >> 16, function_.subsystem_vendor, function_.subsystem_device),
          subsystem == 0 ? kLostInReset : kAnotherDevice, subsystem != 0);
    }
  }

  void CheckHeader() {
    const int type = function_.ConfigHeaderType().value_or(0);
    if (type == 0) return;
    Add(fmt::format("its config space has a header of type {}, expected 0, that of a function which is no bridge",
                    type),
        kDeadAfterReset);
  }

  // Not in a power state in which a device has lost it.
  void CheckBar(int index) {
    const PciResource& bar = function_.resources.at(static_cast<size_t>(index));
    const auto address = function_.ConfigBarAddress(index);
    if (!address || !bar.Assigned() || bar.IsFixed() || !function_.IsAwake() || *address == bar.start) return;
    if (*address == 0) {
      Add(fmt::format("BAR {} reads 0, the kernel gave it {:#x}", index, bar.start), kLostInReset);
    } else {
      // Not on every platform is an address on the bus the processor's.
      Add(fmt::format("BAR {} reads {:#x}, the kernel has {:#x} for it", index, *address, bar.start),
          "On a PC both are the same: there, the device was changed behind its driver's back.", true);
    }
  }

  const PciEvidence& pci_;
  const PciFunction& function_;
  const std::string& name_;
  Findings problems_;
};

}  // namespace

Findings ConfigProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  if (function.config.empty()) {
    return {{name + ": its config space could not be read", pci.At(function.line), "Look at the node's kernel log."}};
  }
  if (function.ConfigIsDead()) {
    return {{.found = name + " does not answer: its config space reads all ones",
             .where = pci.At(function.config_line),
             .advice = std::string(kDeadAfterReset),
             .explains = Explains::kDevice}};
  }
  return ConfigChecker(pci, function, name).Problems();
}

namespace {

// A register of memory that says so by its type or its address, and is not the upper half of the BAR before it.
bool DeviceHasBar(const PciFunction& function, size_t i) {
  const uint32_t word = function.ConfigBar(static_cast<int>(i)).value_or(0);
  const uint32_t before = i == 0 ? 0 : function.ConfigBar(static_cast<int>(i) - 1).value_or(0);
  constexpr uint32_t kIo = 1;  // PCI Local Bus 3.0, 6.2.5.1
  constexpr uint32_t kType = 7;
  constexpr uint32_t k64Bit = 4;
  return word != 0 && (word & kIo) == 0 && (before & kType) != k64Bit;
}

}  // namespace

Findings BarProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  if (function.ConfigIsDead()) {
    return {{name + " does not answer, so its BARs are not usable", pci.At(function.config_line), ""}};
  }
  Findings problems;
  size_t existing = 0;
  for (size_t i = 0; i < 6; ++i) {
    const PciResource& bar = function.resources[i];
    if (!bar.Exists()) {
      if (!function.IsAwake() || !DeviceHasBar(function, i)) continue;
      problems.push_back({fmt::format("{}: the device has a BAR {} (its register reads {:08x}), the node's kernel has "
                                      "none there",
                                      name, i, function.ConfigBar(static_cast<int>(i)).value_or(0)),
                          pci.At(function.config_line),
                          "The kernel gave it up, or lost it in a reset: look for \"BAR\" in the node's kernel log."});
      continue;
    }
    ++existing;
    if (!bar.IsMissed()) continue;
    problems.push_back({fmt::format("{}: BAR {} has no address assigned", name, i), pci.At(bar.line),
                        "The firmware found no space for it: give the node more 64-bit MMIO space "
                        "(OVMF's X-PciMmio64Mb, or a q35 machine's pci-hole64-size)."});
  }
  if (existing > 0 && problems.empty() && IsGpuClass(function.class_code) && !function.resources[0].Exists()) {
    problems.push_back({name + " has no BAR 0, which every GPU has", pci.At(function.line),
                        "The kernel gave it up, or lost it in a reset: look for \"BAR\" in the node's kernel log."});
  }
  if (existing == 0 && problems.empty()) {
    problems.push_back(
        {name + " has no BAR at all", pci.At(function.line), "Look for \"BAR\" in the node's kernel log."});
  }
  return problems;
}

Findings AerCounterProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  Findings problems;
  for (const auto& [kind, total] : function.aer_totals) {
    if (total == 0 || kind == "correctable") continue;
    problems.push_back(
        {fmt::format("{}: {} uncorrected PCIe errors ({}) since the node's boot, expected 0", name, total, kind),
         pci.At(function.line),
         "Data was lost on the way to the device: reseat the card, try another slot, and look at the kernel "
         "logs of node and host for lines with AER."});
  }
  return problems;
}

Findings NumaProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const auto& online = pci.numa_nodes;
  const auto& with_processors = pci.numa_nodes_with_cpus;
  if (online.size() < 2 || !function.numa_node) return {};
  const int node = *function.numa_node;
  const auto has = [node](const std::vector<int>& nodes) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  };
  if (node < 0) {
    return {{fmt::format("{} is on no NUMA node, though this node has {}", name, online.size()), pci.At(function.line),
             std::string(kGiveItANumaNode), true}};
  }
  std::string found;
  if (!has(online)) {
    found = fmt::format("{} is on NUMA node {}, which this node does not have", name, node);
  } else if (!with_processors.empty() && !has(with_processors)) {
    found = fmt::format("{} is on NUMA node {}, which has no processors", name, node);
  } else {
    return {};
  }
  return {{found, pci.At(function.line), std::string(kGiveItANumaNode)}};
}

}  // namespace passthrough
