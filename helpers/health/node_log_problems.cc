#include "helpers/health/node_log_problems.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "helpers/base/text.h"
#include "helpers/health/log_findings.h"

namespace passthrough {
namespace {

constexpr std::string_view kMemory =
    "What the kernel keeps in memory is in disorder, so that anything may happen to its data: reboot the node; where "
    "it "
    "comes again, look for a driver that writes where it must not (the lines after it), and test the host's memory.";
constexpr std::string_view kInterrupt =
    "A device raises an interrupt that no driver handles, and the kernel switched it off: the lines after it name the "
    "handlers. Give the device MSI, or the node a machine on which it shares no interrupt.";

constexpr std::string_view kWarning =
    "The kernel found itself or a driver in a state that it does not expect, and went on: the lines after it are the "
    "stack.";

// Linux, mm/page_alloc.c (bad_page), mm/memory.c (print_bad_pte), lib/list_debug.c, mm/slub.c (slab_bug),
// lib/refcount.c, mm/usercopy.c, mm/kfence, mm/kasan, kernel/panic.c, kernel/sched/core.c, kernel/fork.c;
// kernel/irq/spurious.c; kernel/panic.c (__warn), lib/ubsan.c, in code that devices or their drivers go through.
constexpr auto kMemoryPhrases = std::to_array<LogPhrase>({
    {"bad page state", kMemory},
    {"bad page map", kMemory},
    {"bad page cache", kMemory},
    {"bad rss-counter state", kMemory},
    {"bad swap file entry", kMemory},
    {"bad pagetable", kMemory},
    {": bad pmd ", kMemory},
    {": bad pud ", kMemory},
    {": bad p4d ", kMemory},
    {": bad pgd ", kMemory},
    {"list_add corruption", kMemory},
    {"list_add double add", kMemory},
    {"list_del corruption", kMemory},
    {"list corruption", kMemory},
    {"bug *redzone overwritten", kMemory},
    {"bug *poison overwritten", kMemory},
    {"bug *padding overwritten", kMemory},
    {"bug *object already free", kMemory},
    {"bug *freechain corrupt", kMemory},
    {"bug *freelist*corrupt", kMemory},
    {"bug *freepointer corrupt", kMemory},
    {"bug *pointer corrupt", kMemory},
    {"bug *wrong object count", kMemory},
    {"slab*corruption", kMemory},
    {"slab error in ", kMemory},
    {"memory corruption", kMemory},
    {"corrupted low memory at", kMemory},
    {"object*was double freed", kMemory},
    {"refcount_t: ", kMemory},
    {"wrong slab cache", kMemory},
    {"bug: kasan", kMemory},
    {"bug: kfence", kMemory},
    {"kernel memory overwrite attempt", kMemory},
    {"kernel memory exposure attempt", kMemory},
    {"kernel stack is corrupted", kMemory},
    {"corrupted stack end", kMemory},
    {"nobody cared", kInterrupt},
    {"disabling irq #", kInterrupt},
    {"irq event*bogus return value", kInterrupt},
    {"flags mismatch irq", kInterrupt},
    {"no irq handler for vector", kInterrupt, true},
    {"ubsan: ", kWarning, true},
    {"warning: *drivers/pci/", kWarning, true},  // "… at drivers/pci/…", since 6.18 "WARNING: drivers/pci/… at …"
    {"warning: *drivers/iommu/", kWarning, true},
    {"warning: *drivers/vfio/", kWarning, true},
    {"warning: *kernel/irq/", kWarning, true},
    {"warning: *nvidia", kWarning, true},
});

// A text that is not of the kernel's own memory: a device's, a disk's; "check: Scanning 1 areas for low memory
// corruption" is no finding (arch/x86/kernel/check.c).
constexpr auto kNotTheKernels =
    std::to_array<std::string_view>({"nvrm", "xfs", "ext4", "btrfs", "hardware", "scanning"});

// "BUG: …" that OopsProblems and StallProblems report, and what only kernels for debugging print.
constexpr auto kOtherBugs =
    std::to_array<std::string_view>({"unable to handle", "null pointer", "lockup", "scheduling while atomic",
                                     "using smp_processor_id", "using __this_cpu", "sleeping function called"});

constexpr std::string_view kHardware =
    "The host's hardware reported it: look at the host's own kernel log (rasdaemon, mcelog) and have the part that it "
    "names replaced; a page of the host's memory that is broken comes to a node as a machine check.";

// Linux, arch/x86/kernel/cpu/mce/core.c, drivers/edac, drivers/firmware/efi/cper.c and drivers/acpi/apei/ghes.c,
// mm/memory-failure.c, arch/x86/kernel/nmi.c, arch/arm64/kernel/traps.c.
constexpr auto kHardwarePhrases = std::to_array<LogPhrase>({
    {"corrected error, no action required", kHardware, true},
    {"event severity: corrected", kHardware, true},
    {"event severity: info", kHardware, true},
    {"edac * ce ", kHardware, true},
    {"edac * ce:", kHardware, true},
    {"event severity: fatal", kHardware},
    {"hardware error]*type: fatal", kHardware},
    {"hardware error]*type: recoverable", kHardware},
    {"event severity: recoverable", kHardware},
    {"machine check exception", kHardware},
    {"fatal machine check", kHardware},
    {"machine check from unknown source", kHardware},
    {"machine check events logged", kHardware},
    {"hardware error]: uncorrected", kHardware},
    {"hardware error]: deferred", kHardware},
    {"uncorrected hardware memory error", kHardware},
    {"uncorrected*memory error", kHardware},
    {"hardware memory corruption", kHardware},
    {"hardware memory error", kHardware},
    {"edac * ue ", kHardware},
    {"edac * ue:", kHardware},
    {"edac*uncorrect", kHardware},
    {"edac*fatal", kHardware},
    {"memory failure: 0x", kHardware},
    {"serror interrupt", kHardware},
    {"synchronous external abort", kHardware},
    {"nmi: pci system error", kHardware},
    {"nmi: iock error", kHardware},
    {"nmi: memory parity error", kHardware},
    {"nmi received for unknown reason", kHardware, true},
    {"processor context corrupt", kHardware},
    {"it has been corrected by h/w", kHardware, true},
    {"hardware error from apei", kHardware},
    {"[hardware error]", kHardware, true},
});

// "mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 5: be00000000800400": whether that status says that the error
// was not corrected (bit 61, UC: Intel SDM 3B, 16.3.2.2, IA32_MCi_STATUS). Nothing where the line has none.
std::optional<bool> IsUncorrected(std::string_view lower) {
  constexpr std::string_view kBank = " bank ";
  const size_t at = lower.find(kBank);
  if (at == std::string_view::npos || lower.find("machine check") == std::string_view::npos) return std::nullopt;
  const size_t colon = lower.find(": ", at);
  if (colon == std::string_view::npos) return std::nullopt;
  uint64_t status = 0;
  const char* const begin = lower.data() + colon + 2;
  const auto [end, error] = std::from_chars(begin, lower.data() + lower.size(), status, 16);
  if (error != std::errc() || end - begin != 16) return std::nullopt;
  return (status >> 61 & 1) != 0;
}

constexpr std::string_view kDisk =
    "A disk of the node failed: look at the storage pool and its disks on the host, and at the domain's <disk>; what "
    "the node wrote since may be lost.";
constexpr std::string_view kFull = "Free some space in the node, and in the storage pool on the host.";
constexpr std::string_view kFsck = "Unmount it and run fsck; where it comes again, look at the disk below it.";

// Linux, block/blk-core.c (print_req_error), fs/buffer.c, drivers/nvme/host, drivers/ata/libata-eh.c, drivers/scsi,
// drivers/md, fs/jbd2, fs/ext4/super.c, fs/xfs, fs/btrfs, fs/squashfs, net/9p.
constexpr auto kDiskPhrases = std::to_array<LogPhrase>({
    {"critical space allocation error", kFull},
    {"no space left on device", kFull},
    {"out-of-data-space", kFull},
    {"out of data space", kFull},
    {"out of metadata space", kFull},
    {"ext4-fs*error 28", kFull},
    {"xfs*error -28", kFull},
    {"btrfs*errno=-28", kFull},
    {"i/o error, dev ", kDisk},
    {"buffer i/o error", kDisk},
    {"critical medium error", kDisk},
    {"critical target error", kDisk},
    {"critical nexus error", kDisk},
    {"timeout error, dev ", kDisk},
    {"recoverable transport error, dev ", kDisk},
    {"protection error, dev ", kDisk},
    {"lost async page write", kDisk},
    {"lost sync page write", kDisk},
    {"lost page write", kDisk},
    {"rejecting i/o to", kDisk},
    {"device offlined", kDisk},
    {"sense key : medium error", kDisk},
    {"sense key : hardware error", kDisk},
    {"unrecovered read error", kDisk},
    {"ata*exception emask", kDisk},
    {"ata*failed command: ", kDisk},
    {"ata*hard resetting link", kDisk, true},
    {"nvme*controller is down", kDisk},
    {"nvme*device not ready", kDisk},
    {"nvme*disable controller", kDisk},
    {"nvme*disabling device after reset failure", kDisk},
    {"nvme*removing after probe failure", kDisk},
    {"nvme*timeout, reset controller", kDisk},
    {"nvme*timeout, aborting", kDisk, true},
    {"nvme*i/o error", kDisk},
    {"virtio_blk*failed", kDisk},
    {"virtio_blk*timeout", kDisk},
    {"disk failure on ", kDisk},
    {"md/*operation cannot continue", kDisk},
    {"failing path ", kDisk},
    {"ext4-fs error", kFsck},
    {"ext4-fs (*i/o error", kDisk},
    {"ext4-fs (*remounting filesystem read-only", kFsck},
    {"ext4-fs (*data will be lost", kDisk},
    {"ext4-fs (*potential data loss", kDisk},
    {"ext4-fs (*error count since last fsck", kFsck, true},
    {"ext4-fs (*mounting fs with errors", kFsck, true},
    {"ext2-fs error", kFsck},
    {"jbd2*i/o error", kDisk},
    {"jbd2*io error", kDisk},
    {"fat-fs (*error, ", kFsck},
    {"jbd2*error ", kDisk},
    {"aborting journal", kFsck},
    {"xfs (*i/o error", kDisk},
    {"xfs (*crc error", kFsck},
    {"xfs (*page discard", kDisk},
    {"unable to read superblock", kDisk},
    {"xfs (*metadata corruption", kFsck},
    {"xfs (*corruption ", kFsck},
    {"xfs (*internal error", kFsck},
    {"xfs (*shut down", kFsck},
    {"xfs (*force_shutdown", kFsck},
    {"xfs (*shutting down", kFsck},
    {"xfs (*unmount the filesystem", kFsck},
    {"xfs (*unmount and run", kFsck},
    {"btrfs error", kFsck},
    {"btrfs critical", kFsck},
    {"btrfs: error", kFsck},
    {"btrfs*csum failed", kFsck},
    {"btrfs*forced readonly", kFsck},
    {"f2fs-fs*corrupt", kFsck},
    {"squashfs error", kDisk},
    {"erofs*corrupt", kDisk},
    {"switching pool to read-only", kDisk},
    {"write error at byte offset", kDisk},
    {"timing out command, waited", kDisk},
    {"sd *failed result: hostbyte=did_", kDisk},
    {"nfs: server*not responding", kDisk, true},
    {"i/o error", kDisk},
});

// Drives without a medium, which VMs have (floppy, CD), and requests that a disk need not take (discard). The driver
// nvidia reports "Out of memory" and the like in its own words; "completion polled" is an interrupt that came late.
constexpr auto kNoDisk =
    std::to_array<std::string_view>({"dev fd", "dev sr", "dev loop", "(discard)", "(write_zeroes)", "completion polled",
                                     "nvrm", "on dev fd", "[sr", "on dev sr"});

constexpr std::string_view kMemoryUse =
    "Give the node more memory (memory_gb), or its programs less to do; a program of the suite that was ended so fails "
    "for that alone.";

constexpr auto kOutOfMemoryPhrases = std::to_array<LogPhrase>({
    {"memory cgroup out of memory", kMemoryUse, true},
    {"out of memory: kill", kMemoryUse},
    {"out of memory and no killable", kMemoryUse},
    {"constraint=constraint_none", kMemoryUse},
    {"constraint=constraint_memcg", kMemoryUse, true},
    {"invoked oom-killer", kMemoryUse, true},
    {"page allocation failure", kMemoryUse, true},
});

}  // namespace

Findings KernelMemoryProblems(const KernelLog& log) {
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    if (SaysAny(lower, kNotTheKernels)) continue;
    const LogPhrase* phrase = FindPhrase(lower, kMemoryPhrases);
    if (phrase != nullptr) {
      findings.AddLine(line, phrase->advice, phrase->note);
    } else if (lower.starts_with("bug: ") && !SaysAny(lower, kOtherBugs)) {
      findings.AddLine(line, kMemory);
    }
  }
  return findings.Take();
}

Findings HardwareProblems(const KernelLog& log) {
  // "Machine check events logged" comes with errors of either kind, which the other lines tell.
  bool any_corrected = false;
  bool any_uncorrected = false;
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    const std::optional<bool> uncorrected = IsUncorrected(lower);
    if (uncorrected.value_or(false)) any_uncorrected = true;
    if (!uncorrected.value_or(true) || Says(lower, "corrected error, no action required") ||
        Says(lower, "event severity: corrected") || Says(lower, "edac * ce ")) {
      any_corrected = true;
    }
  }
  LogFindings findings(log);
  for (const KernelLogLine& line : log.lines) {
    const std::string lower = LowerCase(line.text);
    if (const std::optional<bool> uncorrected = IsUncorrected(lower)) {
      findings.AddLine(line, kHardware, !*uncorrected);
      continue;
    }
    const LogPhrase* phrase = FindPhrase(lower, kHardwarePhrases);
    if (phrase == nullptr) continue;
    const bool unclear = Says(lower, "events logged") || Says(lower, "error from apei");
    findings.AddLine(line, phrase->advice, phrase->note || (unclear && any_corrected && !any_uncorrected));
  }
  return findings.Take();
}

Findings DiskLogProblems(const KernelLog& log) {
  return LinesWith(log, kDiskPhrases, [](std::string_view text) { return !SaysAny(LowerCase(text), kNoDisk); });
}

Findings OutOfMemoryProblems(const KernelLog& log, NodeUse use) {
  Findings findings =
      LinesWith(log, kOutOfMemoryPhrases, [](std::string_view text) { return !Says(LowerCase(text), "nvrm"); });
  if (use == NodeUse::kOfOthersToo) {
    for (Finding& finding : findings) finding.note = true;
  }
  return findings;
}

Findings LogGapProblems(const KernelLog& log) {
  Findings notes;
  if (log.begins_at) {
    notes.push_back(
        {fmt::format("the kernel's log begins at {} after boot: older lines are lost, and what they said is "
                     "not known",
                     HumanSeconds(*log.begins_at)),
         log.At(log.begins_line),
         "Boot the node with a larger log_buf_len, or make journalctl readable for the SSH user (group "
         "systemd-journal, or sudo without a password).",
         true});
  }
  if (!log.left_out.empty()) {
    notes.push_back(
        {fmt::format("the kernel's log is long: {} that have no word of an error, or repeat a text, are not "
                     "in the evidence",
                     Printable(Shortened(log.left_out, 80))),
         log.At(log.left_out_line), "Look what fills it: dmesg on the node.", true});
  }
  return notes;
}

}  // namespace passthrough
