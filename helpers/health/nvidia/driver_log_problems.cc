#include "helpers/health/nvidia/driver_log_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/health/kernel_log_problems.h"
#include "helpers/health/log_devices.h"
#include "helpers/health/log_findings.h"
#include "helpers/health/nvidia/xid_table.h"
#include "helpers/parsers/nvidia/driver_status.h"

namespace passthrough {
namespace {

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

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
  const auto [end, error] = std::from_chars(xid.rest.data(), xid.rest.data() + xid.rest.size(), xid.number);
  if (error != std::errc()) return std::nullopt;
  return xid;
}

// "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up": of an NVSwitch. Others are
// "Non-fatal" (NVIDIA, "Fabric Manager for NVIDIA NVSwitch Systems", SXid errors).
bool IsFatalSxid(std::string_view text) {
  const size_t at = text.find("SXid (");
  return at != std::string_view::npos && Has(text.substr(at), ", Fatal,");
}

// Xid 154 reports each change of the recovery action, the one back to none included.
bool IsAllClear(const XidLine& xid) { return xid.number == 154 && Has(xid.rest, "to 0x0 (None)"); }

// kernel-open/nvidia, src/nvidia/arch/nvalloc/unix/src/osinit.c; NV_ERR_GPU_IS_LOST of nvstatuscodes.h.
constexpr auto kLostPhrases = std::to_array<LogPhrase>({
    {"fallen off the bus", kLostDeviceAdvice},
    {"gpu is lost", kLostDeviceAdvice},
    {"gpu lost from the bus", kLostDeviceAdvice},
    {"gpu_is_lost", kLostDeviceAdvice},
    {"gpu has been lost", kLostDeviceAdvice},
    {"gpulost", kLostDeviceAdvice},
    {"nvrm*gpu lost", kLostDeviceAdvice},
    {"nvrm*device lost", kLostDeviceAdvice},
});

// What the driver repaired by itself, by its own word: "C2C Link corrected error", "NETIR_LINK_EVT Nonfatal".
bool WasCorrected(const XidLine& xid) {
  const std::string lower = LowerCase(xid.rest);
  constexpr auto kUncorrected = std::to_array<std::string_view>({"uncorrect", "not corrected", ", fatal"});
  constexpr auto kCorrected =
      std::to_array<std::string_view>({"corrected", "correctable error", "nonfatal", "non-fatal"});
  // NVIDIA's catalog: 121 is a corrected error of the C2C link, for which nothing has to be done.
  constexpr int kCorrectedLink = 121;
  return !SaysAny(lower, kUncorrected) && (xid.number == kCorrectedLink || SaysAny(lower, kCorrected));
}

// Xid 94, "Contained: CE User Channel (0x9). RST: No, D-RST: No": the programs that it hit were ended, and the GPU
// needs no reset (NVIDIA, "GPU Memory Error Management").
bool WasContained(const XidLine& xid) { return xid.number == 94 && Says(LowerCase(xid.rest), "rst: no*d-rst: no"); }

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

// A program has a library of another release (kernel-open/nvidia/nv.c): the node's own, or that of a container.
constexpr std::string_view kApiMismatch = "api mismatch";

// Lines of the driver ("NVRM: …"); src/nvidia/arch/nvalloc/unix/src/osinit.c, kernel-open/nvidia/nv.c, nv-pci.c.
constexpr auto kInitPhrases = std::to_array<LogPhrase>({
    {"cannot initialize gsp firmware", kFirmware},
    {"no firmware image found", kFirmware},
    {"failed to load gsp firmware", kFirmware},
    {"cannot initialize", kInit},
    {"rminitadapter*fail", kInit},
    {"rminitadapter: cannot", kInit},
    {"rm_init_adapter failed", kInit},
    {"rminitnvdevice*fail", kInit},
    {"failed to attach gpu", kInit},
    {"cannot attach gpu", kInit},
    {"device start failed", kInit},
    {"failed to boot gsp", kInit},
    {"failed to copy vbios", kInit},
    {"rm_init_private_state() failed", kInit},
    {"pci_enable_device failed", kInit},
    {"can't find an irq", kInit},
    {"failed to initialize module", kInit},
    {"power cables connected", "The card's auxiliary power is not connected, or too weak."},
    {"is not supported by", kUnsupported},
    {"legacy drivers", kUnsupported},
    {"ignoring the legacy gpu", kUnsupported},
    {"requires use of the nvidia open kernel modules", kUnsupported},
    {"probe routine failed", kProbe},
    {"probe routine was not called", kProbe},
    {"none of the nvidia devices were", kProbe},
    {"is already bound to", kProbe},
    {"no nvidia gpu found", kProbe},
    {"no nvidia devices probed", kProbe},
    {"no nvidia pci devices found", kProbe},
    {"request_mem_region failed", kProbe},
    {"pci i/o region assigned to your nvidia device is invalid",
     "A BAR has no usable address: give the node more 64-bit MMIO space."},
    {kApiMismatch, "Library and kernel module are of different releases: reload the module or reboot the node."},
});

// The kernel's line of the same event (drivers/base/dd.c).
constexpr auto kProbeOfKernel = std::to_array<LogPhrase>({
    {"nvidia: probe of*failed with error", kProbe},
    {"probe with driver nvidia failed with error", kProbe},
});

const LogPhrase* FindInit(std::string_view lower) {
  const LogPhrase* phrase = FindPhrase(lower, kProbeOfKernel);
  return phrase == nullptr && Has(lower, "nvrm") ? FindPhrase(lower, kInitPhrases) : phrase;
}

// Where the driver was started anew (kernel-open/nvidia/nvlink_linux.c: the first that the module nvidia says), and
// where it took a device into service (drivers/gpu/drm/drm_drv.c), each for the last time.
class Starts {
 public:
  explicit Starts(const KernelLog& log) {
    for (const KernelLogLine& line : log.lines) {
      const std::string lower = LowerCase(line.text);
      if (Has(lower, "nvlink core is being initialized")) loaded_ = line.line;
      if (!Has(lower, "initialized nvidia-drm")) continue;
      for (const PciAddress& address : PciAddressesIn(line.text)) started_[Slot(address)] = line.line;
    }
  }
  // The line with which what failed in `line` was made good; 0: none.
  int After(const KernelLogLine& line) const {
    if (loaded_ > line.line) return loaded_;
    for (const PciAddress& address : PciAddressesIn(line.text)) {
      const auto started = started_.find(Slot(address));
      if (started != started_.end() && started->second > line.line) return started->second;
    }
    return 0;
  }

 private:
  static PciAddress Slot(PciAddress address) {
    address.function = 0;
    return address;
  }
  int loaded_ = 0;
  std::map<PciAddress, int> started_;
};

// --- what the driver says without an Xid ---

// What the lines of its modules have.
constexpr auto kModules = std::to_array<std::string_view>(
    {"nvrm", "nvidia-modeset", "nvidia-drm", "nvidia_drm", "nvidia-uvm", "nvidia_uvm", "nvidia-nvlink",
     "nvidia-nvswitch", "nvidia-peermem", "nvlink:", "nvidia-vgpu", "nvswitch:"});

constexpr std::string_view kNoAnswer =
    "The GPU, its firmware or its display engine did not answer the driver in time: reset it (nvidia-smi -r) or reboot "
    "the node; if it comes again, power-cycle the host and try another driver release.";
constexpr std::string_view kState =
    "The driver's own state is not to be relied on any more: unload its modules, or reboot the node; the lines before "
    "say what it could not do.";
constexpr std::string_view kInterrupts =
    "The GPU's interrupts do not come as they should: look at MSI in lspci -vv on the node, and at whether the host "
    "has "
    "interrupt remapping.";
constexpr std::string_view kInUse =
    "A program or a kernel module still used the GPU when it was removed: reboot the node before it is used again.";
constexpr std::string_view kDisplay =
    "The display part of the driver does not work: look at the lines before; a node that only computes can do without "
    "(modeset=0 of nvidia-drm).";
constexpr std::string_view kReleases = "The driver's modules are of different releases: install them anew and reboot.";

// Classes by what went wrong, of whatever module: src/nvidia/src/kernel/gpu/rc, gpu/gsp, gpu/bus; kernel-open/nvidia,
// nvidia-uvm, nvidia-drm; src/nvidia-modeset; src/common/nvswitch.
constexpr auto kErrorPhrases = std::to_array<LogPhrase>({
    {"probably locked", kNoAnswer},
    {"rc watchdog: gpu", kNoAnswer},
    {"heartbeat", kNoAnswer},
    {"timed out", kNoAnswer},
    {"timeout", kNoAnswer},
    {"time out", kNoAnswer},
    {"time-out", kNoAnswer},
    {"unresponsive", kNoAnswer},
    {"not responding", kNoAnswer},
    {"not respond", kNoAnswer},
    {"error while waiting for gpu progress", kNoAnswer},
    {"sanity check failed", kNoAnswer},
    {"sanity_check failed", kNoAnswer},
    {" hung", kNoAnswer},
    {"hang detected", kNoAnswer},
    {"has halted", kNoAnswer},
    {"bugcheck", kNoAnswer},
    {"crash", kNoAnswer},
    {"gsp*rpc*fail", kNoAnswer},
    {"gsp failure", kNoAnswer},
    {"gsp*panic", kNoAnswer},
    {"failed to wait for", kNoAnswer},
    {"reset failed", kNoAnswer},
    {"not ready", kNoAnswer},
    {"wpr2 already up", kNoAnswer},
    {"state*init*fail", kState},
    {"remap fail", kState},
    {"remapping fail", kState},
    {"insufficient power", kState},
    {"reported an error during boot", kNoAnswer},
    {"secure boot failed", kNoAnswer},
    {"bad state", kNoAnswer},
    {"reset required", kNoAnswer},
    {"reset_required", kNoAnswer},
    {"needs to be reset", kNoAnswer},
    {"falling back to", kInterrupts},
    {"failed to enable msi", kInterrupts},
    {"failed to allocate msi", kInterrupts},
    {"unhandled interrupt threshold", kInterrupts},
    {"interrupts disabled to avoid a storm", kInterrupts},
    {"request_irq", kInterrupts},
    {"no supported interrupt mechanism", kInterrupts},
    {"non-zero usage count", kInUse},
    {"failed removal of device", kInUse},
    {"flr might have failed", kState},
    {"unrecoverable", kState},
    {"fatal", kState},
    {"corrupt", kState},
    {"uncorrect", kState},
    {"ecc error", kState},
    {"channel error", kState},
    {"train*fail", kState},
    {"thermal shutdown", kState},
    {"overheat", kState},
    {"over temperature", kState},
    {"link*is not active", kState, true},
    {"failed to re-allocate bar1", kState},
    {"no address space to allocate resized bar1", kState},
    {"failed to initialize the display subsystem", kDisplay},
    {"failed to*nvkmskapidevice", kDisplay},
    {"failed to register device", kDisplay},
    {"failed to initialize", kState},
    {"failed to query display engine", kDisplay},
    {"nvidia-modeset: error", kDisplay},
    {"version mismatch", kReleases},
});

// Where the driver went on by its own word, though the words above are there; and what healthy machines say:
// "Failed to grab modeset ownership" is two display servers that take turns, EDID a monitor's table; the RC watchdog's
// time is set by a debugger.
constexpr auto kHarmless = std::to_array<std::string_view>(
    {"modules linked in", "non-fatal", "nonfatal", "modeset ownership", "edid", "timeout forced",
     "persistence mode is deprecated", "module verification failed", "module license", "taint", "pat support disabled",
     "correcting number of heads", "read succeeded with", "software scheduler", "is deprecated",
     "nvidia-modeset: loading", "loading nvidia", "without error", "failed to validate module"});

constexpr auto kErrorWords = std::to_array<std::string_view>(
    {"error", "fail", "cannot", "can't", "unable", "invalid", "assert", "*error*", "unexpected"});

bool IsHarmless(std::string_view lower) {
  return SaysAny(lower, kHarmless) || (Says(lower, "correctable error") && !Says(lower, "uncorrectable error"));
}

bool IsOfModule(std::string_view lower) { return SaysAny(lower, kModules); }

constexpr std::string_view kRebuild =
    "Build and install the driver for the running kernel (with DKMS: dkms autoinstall).";
constexpr std::string_view kSign =
    "Secure Boot accepts signed modules only: sign the module and enroll the key (mokutil --import), or "
    "switch Secure Boot off in the node's firmware.";

constexpr auto kRefusedPhrases = std::to_array<LogPhrase>({
    {"nvidia: version magic", kRebuild},
    {"nvidia: disagrees about version of symbol", kRebuild},
    {"nvidia: unknown symbol", kRebuild},
    {"nvidia: exports duplicate symbol", "Another module has its symbols: unload it, nouveau first of all."},
    {"loading of unsigned module is rejected", kSign},
    {"loading of module with unsupported crypto is rejected", kSign},
    {"loading of module with unavailable key is rejected", kSign},
    {"unsigned module loading is restricted", kSign},
});

}  // namespace

Findings XidProblems(const KernelLog& log, GpuUse use) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    if (IsFatalSxid(line.text)) {
      findings.Add(line.text, line, "an NVSwitch reported a fatal error: " + QuoteLine(line.text),
                   AdviceFor(XidCause::kLink));
      continue;
    }
    const std::optional<XidLine> xid = ParseXid(line.text);
    if (!xid || IsAllClear(*xid)) continue;
    const XidEntry* entry = FindXid(xid->number);
    const bool of_a_program = entry != nullptr && entry->cause == XidCause::kProgram;
    const bool corrected = WasCorrected(*xid);
    findings.Add(
        fmt::format("{} {}{}", xid->device, xid->number, corrected ? " corrected" : ""), line,
        fmt::format("GPU {} reported Xid {}, {}: {}", xid->device, xid->number,
                    entry == nullptr ? "which is not in the suite's table" : entry->meaning, QuoteLine(line.text)),
        entry == nullptr ? "Look the number up in NVIDIA's Xid catalog." : AdviceFor(entry->cause),
        corrected || (use == GpuUse::kOfOthersToo && (of_a_program || WasContained(*xid))));
  }
  return findings.Take();
}

Findings LostGpuProblems(const KernelLog& log) {
  return LinesWith(log, kLostPhrases, [](std::string_view text) { return !ParseXid(text); });
}

Findings DriverInitProblems(const KernelLog& log, GpuUse use) {
  LogFindings findings(log);
  const Starts starts(log);
  for (const KernelLogLine& line : log.lines) {
    const LogPhrase* phrase = FindInit(LowerCase(line.text));
    if (phrase == nullptr) continue;
    const int made_good = starts.After(line);
    if (made_good == 0) {
      findings.AddLine(line, phrase->advice, use == GpuUse::kOfOthersToo && phrase->phrase == kApiMismatch);
    } else {
      findings.Add(line.text + " made good", line,
                   fmt::format("the driver failed at first, and was started anew later (line {}): {}", made_good,
                               QuoteLine(line.text)),
                   "", true);
    }
  }
  return findings.Take();
}

Findings DriverErrorProblems(const KernelLog& log) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    if (!IsOfModule(lower) || IsHarmless(lower)) continue;
    if (ParseXid(line.text) || Has(lower, "sxid (") || FindPhrase(lower, kLostPhrases) != nullptr ||
        FindInit(lower) != nullptr || FindPhrase(lower, kRefusedPhrases) != nullptr) {
      continue;
    }
    const LogPhrase* phrase = FindPhrase(lower, kErrorPhrases);
    if (phrase != nullptr) {
      findings.Add(line.text, line, "NVIDIA's driver says " + QuoteLine(line.text), phrase->advice, phrase->note);
    } else if (const auto status = DeviceStatusIn(lower)) {
      findings.Add(line.text, line, fmt::format("NVIDIA's driver says {}, {}", *status, QuoteLine(line.text)),
                   kNoAnswer);
    } else if (SaysAny(lower, kErrorWords)) {
      findings.Add(line.text, line, "NVIDIA's driver says " + QuoteLine(line.text),
                   "It is of no class of lines that the suite knows.", true);
    }
  }
  return findings.Take();
}

bool IsOfNvidiaDriver(std::string_view line) {
  const std::string lower = LowerCase(line);
  return IsOfModule(lower) || FindPhrase(lower, kLostPhrases) != nullptr || FindInit(lower) != nullptr ||
         FindPhrase(lower, kRefusedPhrases) != nullptr;
}

Findings RefusedModuleProblems(const KernelLog& log, const ModulesEvidence& modules) {
  if (modules.Find("nvidia") != nullptr) return {};
  Findings findings = LinesWith(log, kRefusedPhrases, [](std::string_view) { return true; });
  for (Finding& finding : findings) {
    finding.found = "kernel module nvidia is not loaded: " + finding.found;
  }
  return findings;
}

}  // namespace passthrough
