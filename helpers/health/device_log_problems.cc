#include "helpers/health/device_log_problems.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>

#include "helpers/health/kernel_log_problems.h"

namespace passthrough {
namespace {

// Lines of one kind of function. Those that name no function, but a driver's own number, are of the function of that
// class (PCI Code and ID Assignment Specification 1.11).
struct FunctionKind {
  std::string_view name;
  std::string_view advice;
  uint32_t class_code;  // base class and sub-class
  std::span<const std::string_view> drivers;
  std::span<const std::string_view> phrases;
};

constexpr std::string_view kReset =
    "The function does not answer its driver, as after a reset that it does not survive: look at its reset on the "
    "host, "
    "power-cycle the host, and pass all functions of the card to one node.";

// Linux, sound/pci/hda (sound/hda since 6.17): hda_intel.c, hda_controller.c, hda_codec.c; sound/hda/hdac_controller.c.
constexpr auto kAudioDrivers = std::to_array<std::string_view>({"snd_hda", "hda_intel", "hda-intel", "hdaudio"});
constexpr auto kAudioPhrases = std::to_array<std::string_view>(
    {"no codecs found", "no codecs initialized", "cannot probe codecs", "no response from codec", "probe error",
     "timeout", "timed out", "codec probe failed", "failed to", "cannot", "unable to", "error initializing",
     "codec*not responding"});

// Linux, drivers/usb/host: xhci.c, xhci-ring.c, xhci-mem.c, ehci-hcd.c, ohci-hcd.c; drivers/usb/core/hcd.c.
constexpr auto kUsbDrivers = std::to_array<std::string_view>({"xhci_hcd", "xhci-pci", "ehci", "ohci", "uhci"});
constexpr auto kUsbPhrases = std::to_array<std::string_view>(
    {"hc died", "assume dead", "assuming host is dying", "host system error", "not responding", "host halt failed",
     "not halted", "can't setup", "startup error", "fatal error", "hc gone", "reset failed", "controller not ready",
     "timeout", "timed out", "failed", "fail,", "host controller error", "init error"});

// Linux, drivers/i2c/busses/i2c-nvidia-gpu.c, i2c-designware-*.c; drivers/usb/typec/ucsi/ucsi_ccg.c.
constexpr auto kI2cDrivers = std::to_array<std::string_view>({"nvidia-gpu", "i2c", "ucsi_ccg", "ucsi", "designware"});
constexpr auto kI2cPhrases = std::to_array<std::string_view>(
    {"timeout", "timed out", "failed", "lost arbitration", "not ready", "bus not free", "unable to", "error", "stuck"});

constexpr std::array kKinds{
    FunctionKind{"audio function", kReset, 0x0403, kAudioDrivers, kAudioPhrases},
    FunctionKind{"USB controller", kReset, 0x0c03, kUsbDrivers, kUsbPhrases},
    FunctionKind{"I2C controller", kReset, 0x0c80, kI2cDrivers, kI2cPhrases},
};

// Linux, drivers/base/dd.c: "probe of 0000:01:00.0 failed with error -12", since 6.7 "probe with driver nvidia failed
// with error -12". -19 (ENODEV) and -6 (ENXIO) are how a driver says that a device is not its own: it prints no line.
constexpr std::string_view kProbe =
    "A driver could not take the function: look at the lines before, and at the driver that lspci -nnk shows.";
constexpr std::array kProbePhrases{
    LogPhrase{"probe of*failed with error", kProbe}, LogPhrase{"probe with driver*failed with error", kProbe},
    LogPhrase{"failed to enable device", kProbe}, LogPhrase{"enable device failed", kProbe},
    LogPhrase{"pci_enable_device failed", kProbe}};

// Linux, kernel/dma/swiotlb.c, kernel/dma/debug.c; mm/ioremap.c, lib/pci_iomap.c; drivers/pci/msi.
constexpr std::string_view kResource =
    "The function does not work without what the kernel could not give it (DMA, a mapping of its BARs, interrupts): "
    "look at the lines before, at the IOMMU of the node and at its memory.";
constexpr auto kResourcePhrases = std::to_array<std::string_view>(
    {"swiotlb buffer is full", "out of sw-iommu space", "dma*mapping error", "failed to map dma", "dma*mapping failed",
     "ioremap failed", "can't ioremap", "cannot map mmio", "failed to allocate msi", "failed to enable msi",
     "failed to allocate interrupt", "failed to allocate irq"});

// Words of an error, for lines of no class.
constexpr auto kErrorWords = std::to_array<std::string_view>(
    {"error", "fail", "timeout", "timed out", " fault", "corrupt", "cannot", "can't", "unable", "invalid", "lost",
     "not ready", " hang", "broken", "refused", "no response", "not respond", "unexpected"});

// Errors without such a word ("no codecs found!"); in the journal's form lines have no severity either.
constexpr auto kWordlessErrors = std::to_array<std::string_view>({"no codecs", "died", "dead"});

// What healthy machines say of healthy devices, though it sounds like an error.
constexpr auto kBenign = std::to_array<std::string_view>(
    {// drivers/pci/pcie/aer.c: corrected errors, and their bits.
     "severity=correct", "aer: correct", "aer: multiple correct", "error status/mask=", "rxerr", "badtlp", "baddllp",
     "rollover", "] timeout", "nonfatalerr", "error of this agent", "aer: enabled",
     // drivers/pci/vpd.c, probe.c, quirks.c, setup-bus.c: of tables and windows that nobody needs.
     "vpd", "can't find irq for pci int", "can't derive routing", "bar 6", "bar 7", "bar 8", "bar 9", "bar 10",
     "bar 11", "bar 12", "[io ", "bridge window", "pme:",
     // drivers/base/firmware_loader: what has a second file to try; sound/pci/hda: retries and displays that are off.
     "direct firmware load", "switching to polling mode", "spurious response", "cannot find any crtc", "vf bar",
     "handle vga_switcheroo", "; waiting", "aspm", " rom ["});

bool LooksLikeAnError(const KernelLogLine& line, std::string_view lower) {
  constexpr int kSeverityError = 3;  // KERN_ERR
  return (line.level && *line.level <= kSeverityError) || SaysAny(lower, kErrorWords);
}

// A class of the table, and whose the line is.
struct Classified {
  std::string_view what;
  std::string_view advice;
  LineOwner owner = LineOwner::kUnknown;
};

std::optional<Classified> Classify(std::string_view text, std::string_view lower, const LogDevices& devices) {
  const LineOwner owner = devices.OwnerOf(text);
  for (const FunctionKind& kind : kKinds) {
    // The driver is what the line begins with.
    const std::string_view head = lower.substr(0, 48);
    if (!SaysAny(head, kind.drivers) || !SaysAny(lower, kind.phrases)) continue;
    if (owner != LineOwner::kUnknown || !PciAddressesIn(text).empty()) return Classified{kind.name, kind.advice, owner};
    // "ucsi_ccg 0-0008: …" is of the card's own controller; "i2c i2c-3: …" may be of any.
    if (!Says(head, "ucsi_ccg")) return std::nullopt;
    return Classified{kind.name, kind.advice, devices.OwnerOfClass(kind.class_code << 8, 0xffff00)};
  }
  if (SaysAny(lower, kResourcePhrases)) return Classified{"function", kResource, owner};
  const LogPhrase* phrase = FindPhrase(lower, kProbePhrases);
  if (phrase != nullptr && !devices.HasAnotherDriver(text)) return Classified{"function", phrase->advice, owner};
  return std::nullopt;
}

}  // namespace

Findings DeviceLogProblems(const KernelLog& log, const LogDevices& devices, const LinePredicate& reported_elsewhere) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    const bool looks = LooksLikeAnError(line, lower) && !SaysAny(lower, kBenign);
    if (!looks && !SaysAny(lower, kWordlessErrors) && !SaysAny(lower, kResourcePhrases)) continue;
    if (IsOfPciClass(line.text) || (reported_elsewhere && reported_elsewhere(line.text))) continue;
    const std::optional<Classified> line_class = Classify(line.text, lower, devices);
    if (line_class && line_class->owner != LineOwner::kOther) {
      const bool planned = line_class->owner == LineOwner::kPlanned;
      findings.Add(line.text, line,
                   fmt::format("{} {} does not work: the kernel log says {}", planned ? "a planned" : "an unplanned",
                               line_class->what, QuoteLine(line.text)),
                   line_class->advice, !planned);
      continue;
    }
    const LineOwner owner = devices.OwnerOf(line.text);
    if (owner != LineOwner::kPlanned && owner != LineOwner::kCompanion) continue;
    findings.Add(line.text, line, "the kernel log says of a planned device's card " + QuoteLine(line.text),
                 "It is of no class of lines that the suite knows.", true);
  }
  return findings.Take();
}

}  // namespace passthrough
