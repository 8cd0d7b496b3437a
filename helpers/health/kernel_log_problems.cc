#include "helpers/health/kernel_log_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "helpers/base/text.h"

namespace passthrough {

namespace {

// Linux, drivers/pci/pci.c: pci_power_up, pci_dev_wait ("not ready 65535ms after FLR; giving up"), pci_af_flr.
constexpr auto kLostPhrases = std::to_array<LogPhrase>({
    {"config space inaccessible", kLostDeviceAdvice},
    {"device inaccessible", kLostDeviceAdvice},
    {"refused to change power state", kLostDeviceAdvice},
    {"unable to change power state", kLostDeviceAdvice},
    {"can't change power state", kLostDeviceAdvice},
    {"not ready*giving up", kLostDeviceAdvice},
    {"timed out waiting for pending transaction", kLostDeviceAdvice},
    {"transaction is not cleared; proceeding with reset anyway", kLostDeviceAdvice},
    {"bus failed to become ready", kLostDeviceAdvice},
    {"unknown header type 7f", kLostDeviceAdvice},
    {"vfio*reset failed", kLostDeviceAdvice},
});

constexpr std::string_view kSlot =
    "The slot above the device lost it: look at the card's seat and power, and in the hypervisor's log of the domain "
    "for an unplug that nobody asked for.";

// Linux, drivers/pci/hotplug: pciehp_ctrl.c, pciehp_hpc.c, acpiphp_glue.c; drivers/pci/quirks.c (link training).
constexpr auto kSlotPhrases = std::to_array<LogPhrase>({
    {"pciehp*link down", kSlot},
    {"pciehp*card not present", kSlot},
    {"pciehp*power fault", kSlot},
    {"pciehp*cannot train link", kSlot},
    {"pciehp*no device found", kSlot},
    {"pciehp*no adapter", kSlot},
    {"pciehp*failed to check link status", kSlot},
    {"pciehp*device not ready", kSlot},
    {"pciehp*failed to power on", kSlot},
    {"retraining failed", kSlot},
    {"link failed to train", kSlot},
    {"link training*fail", kSlot},
    {"link active not set", kSlot},
    {"surprise down", kSlot},
    {"surprise removal", kSlot},
});

// What pciehp says of events that it does not act on, and of commands that a slot need not answer (pciehp_hpc.c).
constexpr auto kIdleSlot =
    std::to_array<std::string_view>({"ignored", "button press", "timeout on hotplug command", "no link partner"});

constexpr std::string_view kAer =
    "Data was lost on the way to the device: reseat the card, try another slot or a slower link in the "
    "host's firmware, and look at the same errors in the host's kernel log.";

// Linux, drivers/pci/pcie/aer.c, err.c and dpc.c. Names of errors that are uncorrectable by themselves come behind
// their bit: "   [14] CmpltTO" (aer_uncorrectable_error_string).
constexpr auto kPciePhrases = std::to_array<LogPhrase>({
    {"severity=uncorrect", kAer},
    {"severity=fatal", kAer},
    {"aer: uncorrect", kAer},
    {"aer: multiple uncorrect", kAer},
    {"aer: fatal", kAer},
    {"aer: non-fatal", kAer},
    {"device recovery failed", kAer},
    {"device reset failed", kAer},
    {"aer: can't recover", kAer},
    {"can't recover (no error_detected callback)", kAer},
    {"cmpltto", kAer},
    {"completion timeout", kAer},
    {"] malftlp", kAer},
    {"] dlp ", kAer},
    {"] sdes ", kAer},
    {"] cmpltabrt", kAer},
    {"] rxof", kAer},
    {"] poisontlp", kAer},
    {"] uncorrinterr", kAer},
    {"dpc: containment event", kAer},
    {"dpc: unmasked uncorrect", kAer},
    {"dpc: err_", kAer},
    {"dpc: rp_pio", kAer},
    {"rp pio error", kAer},
    {"rp_pio_status", kAer},
    {"dpc: data link layer link active not cleared", kAer},
    {"dpc: rp busy", kAer},
});

constexpr std::string_view kIommu =
    "The IOMMU that the node sees stopped an access of the device or does not answer itself: look at the <iommu> and "
    "the drivers of the domain, for a driver that maps too little, and for the same faults in the host's kernel log.";

// The line that says which access it was. Linux, drivers/iommu/intel/dmar.c (dmar_fault_do_one, qi_check_fault),
// amd/iommu.c (iommu_print_event, wait_on_sem), arm/arm-smmu/arm-smmu.c, arm/arm-smmu-v3/arm-smmu-v3.c,
// virtio-iommu.c (viommu_fault_handler), io-pgfault.c.
constexpr auto kIommuPhrases = std::to_array<LogPhrase>({
    {"dmar*[dma read", kIommu},
    {"dmar*[dma write", kIommu},
    {"dmar*fault addr", kIommu},
    {"dmar*fault reason", kIommu},
    {"dmar: error", kIommu},
    {"intr-remap: request device", kIommu},
    {"dmar*[intr-remap] request device", kIommu},
    {"dmar*invalidation*error", kIommu},
    {"dmar*time-out error", kIommu},
    {"dmar*invalidation*time", kIommu},
    {"event logged [", kIommu},
    {"amd-vi*completion-wait loop timed out", kIommu},
    {"amd-vi*timed out", kIommu},
    {"amd-vi*event log restarting", kIommu},
    {"amd-vi*overflow", kIommu},
    {"amd-vi*failed to", kIommu},
    {"arm-smmu*event: f_", kIommu},
    {"arm-smmu*event: c_", kIommu},
    {"arm-smmu*caused fault", kIommu},
    {"arm-smmu*context fault", kIommu},
    {"arm-smmu*global fault", kIommu},
    {"arm-smmu*global error", kIommu},
    {"arm-smmu*gerror", kIommu},
    {"arm-smmu*timeout", kIommu},
    {"arm-smmu*timed out", kIommu},
    {"arm-smmu*overflow", kIommu},
    {"arm-smmu*service failure mode", kIommu},
    {"arm-smmu*abort", kIommu},
    {"iommu*page fault from ep", kIommu},
    {"iommu*fault from ep", kIommu},
    {"iommu: unhandled*fault", kIommu},
});

// What comes with such a line and names no device: a fault where that line does not come.
constexpr auto kIommuHeads = std::to_array<LogPhrase>({
    {"dmar: drhd: handling fault status", kIommu},
    {"arm-smmu*event*received", kIommu},
});

// "AMD-Vi: Failed to allocate …" is no fault of a device; performance counters are not there in VMs (amd/init.c).
constexpr auto kNoIommuFault =
    std::to_array<std::string_view>({"perf counter", "amd-vi: failed to alloc", "firmware bug"});

bool IsIommuFault(std::string_view lower) {
  return FindPhrase(lower, kIommuPhrases) != nullptr && !SaysAny(lower, kNoIommuFault);
}

// "pci 0000:01:00.0: BAR 1: no space for [mem size …]", since Linux 6.10
// "pci 0000:01:00.0: BAR 1 [mem size …]: can't assign; no space"; "…: can't claim BAR 1 [mem …]: no compatible bridge
// window", "…: can't enable device: BAR 1 [mem …] not claimed", "…: BAR 1: can't reserve [mem …]".
struct BarLine {
  PciAddress address;
  int bar = 0;
  bool assigned = false;
};

constexpr auto kRefusedBar = std::to_array<std::string_view>(
    {"no space", "can't assign", "failed to assign", "can't claim", "can't reserve", "can't enable device",
     "error updating", "can't allocate", "no compatible bridge window", "conflict", "can't update", "bogus alignment"});

std::optional<BarLine> ParseBar(std::string_view text) {
  const size_t at = text.find("BAR ");
  if (at == std::string_view::npos || at < 2) return std::nullopt;
  if (at >= 3 && text.substr(at - 3).starts_with("VF ")) return std::nullopt;  // of virtual functions to come
  BarLine line;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data() + at + 4, end, line.bar).ec != std::errc()) return std::nullopt;
  if (line.bar < 0 || line.bar > 5) return std::nullopt;
  // The function is what the line begins with, behind its driver.
  const std::vector<std::string_view> words = SplitWords(text.substr(0, at));
  const auto word = std::find_if(words.begin(), words.end(), [](std::string_view one) {
    return one.ends_with(':') && PciAddress::Parse(one.substr(0, one.size() - 1));
  });
  if (word == words.end()) return std::nullopt;
  line.address = *PciAddress::Parse(word->substr(0, word->size() - 1));
  const std::string rest = LowerCase(text.substr(static_cast<size_t>(word->data() - text.data())));
  if (Says(rest, "[io ")) return std::nullopt;  // can be done without: see PciResource::IsMissed
  const bool refused = SaysAny(rest, kRefusedBar);
  line.assigned = !refused && Says(rest, "assigned");
  if (!refused && !line.assigned) return std::nullopt;
  return line;
}

// Drivers of network cards and disks: what they are bound to is no GPU, also where it is not on the bus any more.
constexpr auto kOtherDrivers = std::to_array<std::string_view>(
    {"e1000",    "igb",  "igc",    "ixgb",   "i40e", "iavf", "ice ",    "mlx",  "bnx", "tg3", "r8169",    "r8125",
     "atlantic", "ena ", "vmxnet", "virtio", "nvme", "ahci", "iwlwifi", "ath1", "rtw", "mt7", "megaraid", "mpt3sas"});

bool IsOfSomebodyElse(std::string_view text, const LogDevices& devices) {
  const LineOwner owner = devices.OwnerOf(text);
  if (owner != LineOwner::kUnknown) return owner == LineOwner::kOther;
  const std::string lower = LowerCase(text.substr(0, 16));
  return std::any_of(kOtherDrivers.begin(), kOtherDrivers.end(),
                     [&](std::string_view driver) { return lower.starts_with(driver); });
}

const LogPhrase* FindSlot(std::string_view lower) {
  return SaysAny(lower, kIdleSlot) ? nullptr : FindPhrase(lower, kSlotPhrases);
}

}  // namespace

Findings LostDeviceProblems(const KernelLog& log, const LinePredicate& reported_elsewhere, const LogDevices& devices,
                            HotPlug hot_plug) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    const LogPhrase* phrase = FindPhrase(lower, kLostPhrases);
    if (phrase == nullptr && hot_plug == HotPlug::kNone) phrase = FindSlot(lower);
    if (phrase == nullptr || (reported_elsewhere && reported_elsewhere(line.text))) continue;
    if (IsOfSomebodyElse(line.text, devices)) {
      findings.Add(line.text, line, "the kernel log says of a device that is not the plan's " + QuoteLine(line.text),
                   "", true);
    } else {
      findings.AddLine(line, phrase->advice);
    }
  }
  return findings.Take();
}

Findings PcieErrorProblems(const KernelLog& log) {
  return LinesWith(log, kPciePhrases, [](std::string_view) { return true; });
}

Findings BarSpaceProblems(const KernelLog& log, const std::vector<const PciFunction*>& functions) {
  struct Last {
    const KernelLogLine* line;
    bool assigned;
  };
  std::map<std::pair<PciAddress, int>, Last> last;
  for (const KernelLogLine& line : log.lines) {
    const std::optional<BarLine> bar = ParseBar(line.text);
    if (!bar) continue;
    const bool asked_for = std::any_of(functions.begin(), functions.end(),
                                       [&](const PciFunction* one) { return one->address == bar->address; });
    if (!asked_for) continue;
    last[{bar->address, bar->bar}] = {&line, bar->assigned};
  }
  Findings findings;
  for (const auto& [key, last_word] : last) {
    if (last_word.assigned) continue;
    findings.push_back({fmt::format("BAR {} of {} found no space: the kernel log says {}", key.second,
                                    key.first.ToString(), QuoteLine(last_word.line->text)),
                        log.At(last_word.line->line),
                        "Give the node more 64-bit MMIO space (OVMF's X-PciMmio64Mb, or a q35 machine's "
                        "pci-hole64-size)."});
  }
  return findings;
}

Findings IommuFaultProblems(const KernelLog& log, const LogDevices& devices) {
  LogFindings findings(log);
  bool has_detail = false;
  for (const KernelLogLine& line : log.lines) {
    if (!IsIommuFault(LowerCase(line.text))) continue;
    has_detail = true;
    if (devices.OwnerOf(line.text) == LineOwner::kOther) {
      findings.Add(line.text, line,
                   "the node's IOMMU reported a device that is not the plan's: " + QuoteLine(line.text), "", true);
    } else {
      findings.Add(line.text, line, "the node's IOMMU reported a fault: " + QuoteLine(line.text), kIommu);
    }
  }
  if (has_detail) return findings.Take();
  return LinesWith(log, kIommuHeads, [](std::string_view) { return true; });
}

bool IsOfPciClass(std::string_view line) {
  const std::string lower = LowerCase(line);
  return FindPhrase(lower, kLostPhrases) != nullptr || FindSlot(lower) != nullptr ||
         FindPhrase(lower, kPciePhrases) != nullptr || IsIommuFault(lower) ||
         FindPhrase(lower, kIommuHeads) != nullptr || ParseBar(line).has_value();
}

}  // namespace passthrough
