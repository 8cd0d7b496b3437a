#include "helpers/health/kernel_log_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "helpers/base/text.h"
#include "helpers/health/xid_table.h"

namespace passthrough {
namespace {

constexpr size_t kMostQuoted = 300;  // bytes of a line that a message shows
constexpr size_t kMostProblems = 20;

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string Quote(std::string_view text) {
  return fmt::format("\"{}\"", Trim(text).substr(0, kMostQuoted));
}

// A phrase of the log, and what to do about it.
struct LogPhrase {
  std::string_view phrase;
  std::string_view advice;
};

// Gathers lines: those with the same key become one problem, at the first of them.
class Gatherer {
 public:
  explicit Gatherer(const KernelLog& log) : log_(log) {}

  void Add(const std::string& key, const KernelLogLine& line, std::string found, std::string_view advice,
           bool note = false) {
    const auto [entry, is_new] = index_.emplace(key, problems_.size());
    if (is_new) {
      problems_.push_back({std::move(found), log_.At(line.line), std::string(advice), note});
      counts_.push_back(0);
    }
    ++counts_[entry->second];
  }

  HealthProblems Take() {
    for (size_t i = 0; i < problems_.size(); ++i) {
      if (counts_[i] > 1) problems_[i].found += fmt::format(", {} times", counts_[i]);
    }
    std::stable_partition(problems_.begin(), problems_.end(), [](const HealthProblem& one) { return !one.note; });
    if (problems_.size() > kMostProblems) problems_.resize(kMostProblems);
    return std::move(problems_);
  }

 private:
  const KernelLog& log_;
  std::map<std::string, size_t> index_;
  HealthProblems problems_;
  std::vector<size_t> counts_;
};

template <size_t kCount, typename Want>
HealthProblems ProblemsWith(const KernelLog& log, const std::array<LogPhrase, kCount>& phrases, Want want) {
  Gatherer gatherer(log);
  for (const KernelLogLine& line : log.lines) {
    if (!want(line.text)) continue;
    for (const LogPhrase& phrase : phrases) {
      if (!Has(line.text, phrase.phrase)) continue;
      gatherer.Add(line.text, line, "the kernel log says " + Quote(line.text), phrase.advice);
      break;
    }
  }
  return gatherer.Take();
}

// "NVRM: Xid (PCI:0000:01:00): 79, pid=…", in older releases "NVRM: Xid (0000:01:00): 79, …".
struct XidLine {
  std::string device;  // "0000:01:00"
  int number = 0;
  std::string_view rest;
};

std::optional<XidLine> ParseXid(std::string_view text) {
  constexpr std::string_view kStart = "Xid (";
  const size_t at = text.find(kStart);
  if (at == std::string_view::npos || !Has(text.substr(0, at), "NVRM")) return std::nullopt;
  std::string_view device = text.substr(at + kStart.size());
  const size_t close = device.find("): ");
  if (close == std::string_view::npos) return std::nullopt;
  XidLine xid;
  xid.rest = device.substr(close + 3);
  device = device.substr(0, std::min<size_t>(close, 40));
  if (device.starts_with("PCI:")) device.remove_prefix(4);
  xid.device = device;
  const auto [end, error] =
      std::from_chars(xid.rest.data(), xid.rest.data() + xid.rest.size(), xid.number);
  if (error != std::errc()) return std::nullopt;
  return xid;
}

// "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up": of an NVSwitch. Others are
// "Non-fatal" (NVIDIA, "Fabric Manager for NVIDIA NVSwitch Systems", SXid errors).
bool IsFatalSxid(std::string_view text) {
  const size_t at = text.find("SXid (");
  return at != std::string_view::npos && Has(text.substr(at), ", Fatal,");
}

// Xid 154 tells each change of the recovery action, the one back to none included.
bool IsAllClear(const XidLine& xid) { return xid.number == 154 && Has(xid.rest, "to 0x0 (None)"); }

constexpr std::string_view kLost =
    "The device does not answer any more: power-cycle the host, and look at the card's seat, power cables "
    "and its reset on the host (dmesg there, lines with vfio-pci).";

constexpr auto kLostPhrases = std::to_array<LogPhrase>({
    {"fallen off the bus", kLost},
    {"GPU is lost", kLost},
    {"config space inaccessible", kLost},
    {"device inaccessible", kLost},
    {"Refused to change power state", kLost},
    {"giving up", kLost},  // "not ready 65535ms after FLR; giving up"
});

constexpr std::string_view kFirmware =
    "The driver's firmware files are missing or of another release: install the firmware package of the "
    "driver's release (nvidia-kernel-common, firmware-nvidia-gsp).";
constexpr std::string_view kUnsupported =
    "This driver release does not know this GPU: install one that NVIDIA lists for it; the newest GPUs "
    "need the open kernel modules.";
constexpr std::string_view kInit =
    "The driver found the GPU and could not start it: look at the lines before, try a reset (nvidia-smi -r) "
    "or a reboot, then a power cycle of the host.";
constexpr std::string_view kProbe =
    "Another driver holds the GPU, or it could not be set up: look at the lines before and at the driver "
    "that lspci -nnk shows.";

constexpr auto kInitPhrases = std::to_array<LogPhrase>({
    {"Cannot initialize GSP firmware", kFirmware},
    {"No firmware image found", kFirmware},
    {"RmInitAdapter failed", kInit},
    {"rm_init_adapter failed", kInit},
    {"is not supported by", kUnsupported},
    {"Legacy drivers", kUnsupported},
    {"requires use of the NVIDIA open kernel modules", kUnsupported},
    {"probe routine failed", kProbe},
    {"probe routine was not called", kProbe},
    {"None of the NVIDIA devices were", kProbe},
    {"No NVIDIA GPU found", kProbe},
    {"PCI I/O region assigned to your NVIDIA device is invalid",
     "A BAR has no usable address: give the node more 64-bit MMIO space."},
    {"API mismatch",
     "Library and kernel module are of different releases: reload the module or reboot the node."},
});

constexpr std::string_view kRebuild =
    "Build and install the driver for the running kernel (with DKMS: dkms autoinstall).";
constexpr std::string_view kSign =
    "Secure Boot accepts signed modules only: sign the module and enroll the key (mokutil --import), or "
    "switch Secure Boot off in the node's firmware.";

constexpr auto kRefusedPhrases = std::to_array<LogPhrase>({
    {"nvidia: version magic", kRebuild},
    {"nvidia: disagrees about version of symbol", kRebuild},
    {"nvidia: Unknown symbol", kRebuild},
    {"nvidia: exports duplicate symbol", "Another module has its symbols: unload it, nouveau first of all."},
    {"Loading of unsigned module is rejected", kSign},
    {"Loading of module with unsupported crypto is rejected", kSign},
    {"Loading of module with unavailable key is rejected", kSign},
    {"unsigned module loading is restricted", kSign},
});

constexpr std::string_view kAer =
    "Data was lost on the way to the device: reseat the card, try another slot or a slower link in the "
    "host's firmware, and look at the same errors in the host's kernel log.";

// Linux, drivers/pci/pcie/aer.c and dpc.c.
constexpr auto kPciePhrases = std::to_array<LogPhrase>({
    {"severity=Uncorrect", kAer},
    {"AER: Uncorrect", kAer},
    {"AER: Multiple Uncorrect", kAer},
    {"AER: device recovery failed", kAer},
    {"AER: can't recover", kAer},
    {"CmpltTO", kAer},
    {"Completion Timeout", kAer},
    {"DPC: containment event", kAer},
});

// "pci 0000:01:00.0: BAR 1: no space for [mem size …]", since Linux 6.10
// "pci 0000:01:00.0: BAR 1 [mem size …]: can't assign; no space".
struct BarLine {
  PciAddress address;
  int bar = 0;
  bool assigned = false;
};

std::optional<BarLine> ParseBar(std::string_view text) {
  const size_t at = text.find("BAR ");
  if (at == std::string_view::npos || at < 2) return std::nullopt;
  BarLine line;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data() + at + 4, end, line.bar).ec != std::errc()) return std::nullopt;
  const std::vector<std::string_view> words = SplitWords(text.substr(0, at));
  if (words.empty() || !words.back().ends_with(':') || line.bar < 0 || line.bar > 5) return std::nullopt;
  const auto address = PciAddress::Parse(words.back().substr(0, words.back().size() - 1));
  if (!address) return std::nullopt;
  line.address = *address;
  const std::string_view rest = text.substr(at);
  if (Has(rest, "[io ")) return std::nullopt;  // can be done without: see PciResource::IsMissed
  const bool refused = Has(rest, "no space") || Has(rest, "can't assign") || Has(rest, "failed to assign");
  line.assigned = !refused && Has(rest, "assigned");
  if (!refused && !line.assigned) return std::nullopt;
  return line;
}

}  // namespace

HealthProblems XidProblems(const KernelLog& log, GpuUse use) {
  Gatherer gatherer(log);
  for (const KernelLogLine& line : log.lines) {
    if (IsFatalSxid(line.text)) {
      gatherer.Add(line.text, line, "an NVSwitch reported a fatal error: " + Quote(line.text),
                   AdviceFor(XidCause::kLink));
      continue;
    }
    const std::optional<XidLine> xid = ParseXid(line.text);
    if (!xid || IsAllClear(*xid)) continue;
    const XidEntry* entry = FindXid(xid->number);
    gatherer.Add(fmt::format("{} {}", xid->device, xid->number), line,
                 fmt::format("GPU {} reported Xid {}, {}: {}", xid->device, xid->number,
                             entry == nullptr ? "which is not in the suite's table" : entry->meaning,
                             Quote(line.text)),
                 entry == nullptr ? "Look the number up in NVIDIA's Xid catalog." : AdviceFor(entry->cause),
                 use == GpuUse::kOfOthersToo && entry != nullptr && entry->cause == XidCause::kProgram);
  }
  return gatherer.Take();
}

HealthProblems LostDeviceProblems(const KernelLog& log) {
  return ProblemsWith(log, kLostPhrases, [](std::string_view text) {
    if (ParseXid(text)) return false;  // told by XidProblems
    return !Has(text, "giving up") || Has(text, "not ready");
  });
}

HealthProblems DriverInitProblems(const KernelLog& log) {
  return ProblemsWith(log, kInitPhrases, [](std::string_view text) { return Has(text, "NVRM"); });
}

HealthProblems RefusedModuleProblems(const KernelLog& log, const ModulesEvidence& modules) {
  if (modules.Find("nvidia") != nullptr) return {};
  HealthProblems problems =
      ProblemsWith(log, kRefusedPhrases, [](std::string_view) { return true; });
  for (HealthProblem& problem : problems) {
    problem.found = "kernel module nvidia is not loaded: " + problem.found;
  }
  return problems;
}

HealthProblems PcieErrorProblems(const KernelLog& log) {
  return ProblemsWith(log, kPciePhrases, [](std::string_view) { return true; });
}

HealthProblems BarSpaceProblems(const KernelLog& log, const PciEvidence& pci) {
  struct Last {
    const KernelLogLine* line;
    bool assigned;
  };
  std::map<std::pair<PciAddress, int>, Last> last;
  for (const KernelLogLine& line : log.lines) {
    const std::optional<BarLine> bar = ParseBar(line.text);
    if (!bar) continue;
    const PciFunction* function = pci.Find(bar->address);
    if (function == nullptr || function->vendor != kNvidiaVendorId) continue;
    last[{bar->address, bar->bar}] = {&line, bar->assigned};
  }
  HealthProblems problems;
  for (const auto& [key, verdict] : last) {
    if (verdict.assigned) continue;
    problems.push_back(
        {fmt::format("BAR {} of {} found no space: the kernel log says {}", key.second,
                     key.first.ToString(), Quote(verdict.line->text)),
         log.At(verdict.line->line),
         "Give the node more 64-bit MMIO space (OVMF's X-PciMmio64Mb, or a q35 machine's "
         "pci-hole64-size)."});
  }
  return problems;
}

}  // namespace passthrough
