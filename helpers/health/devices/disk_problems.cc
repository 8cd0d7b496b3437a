#include "helpers/health/devices/disk_problems.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr char kLookAtLogs[] =
    "Look for the disk's driver in the node's kernel log, and for DMAR, AMD-Vi and vfio in the host's.";
constexpr char kNotRoot[] =
    "Disks are read by root alone: let the SSH user of the profile be root, or run sudo without a password.";

constexpr uint64_t kMarkBytes = 4096;  // remote/disks/marked_data.h

std::string DiskName(const Disk& disk, const std::string& name) {
  return fmt::format("{}: its disk {}", name, disk.name);
}

// Of a disk that was not put to work to the end: nothing is wrong with it for that.
bool IsExcused(const Disk& disk) { return disk.may_not_be_read || disk.has_no_medium; }

const char* AdviceForTrouble(const Disk& disk) {
  if (disk.may_not_be_read) return kNotRoot;
  return disk.has_no_medium ? "It was not checked." : kLookAtLogs;
}

std::string FirstOf(const std::vector<WrongWord>& wrong) {
  if (wrong.empty()) return {};
  return fmt::format(", the first at byte {}: {:016x}, expected {:016x}", wrong.front().offset, wrong.front().found,
                     wrong.front().expected);
}

// Those of NVM Express Base Specification 2.0, figure 207, byte 0.
struct Warning {
  unsigned bit;
  const char* meaning;
  const char* advice;
};
constexpr std::array<Warning, 6> kWarnings = {{
    {0, "its spare blocks are below its threshold", "Replace it."},
    {1, "its temperature is out of its limits", "Look at the host's cooling."},
    {2, "it is no longer reliable, for errors of its media or inside it", "Replace it."},
    {3, "it has made itself read-only", "Save what is on it, and replace it."},
    {4, "what backs up its volatile memory has failed", "Replace it: data can be lost when power fails."},
    {5, "its persistent memory region is read-only or unreliable", "Replace it."},
}};

}  // namespace

Findings MissingDiskProblems(const DisksEvidence& disks, const PciAddress& address, bool is_a_disk,
                             const std::string& name) {
  const auto finding = [&](const std::string& what, int line, const std::string& advice, bool note = false) {
    return Findings{{.found = what, .where = disks.At(line), .advice = advice, .note = note}};
  };
  if (!disks.trouble.empty()) {
    return finding(fmt::format("the disks of the node were not looked at: {}", disks.trouble), disks.trouble_line,
                   "Build the suite whole (cmake --build build). For a node that cannot run its programs, leave these "
                   "checks out: --gtest_filter=-Disk*");
  }
  const StorageFunction* const function = disks.FindFunction(address);
  if (function == nullptr) {
    return finding(
        fmt::format("{} is at {} in the node, where no mass storage controller is", name, address.ToString()),
        disks.last_line, "Compare device_type in the cluster file with lspci on the host.");
  }
  if (const size_t found = disks.DisksOf(address).size(); found != static_cast<size_t>(function->disks)) {
    return finding(
        fmt::format("{} has {}, of which {} looked at", name, Count(static_cast<size_t>(function->disks), "disk"),
                    found == 1 ? "1 was" : fmt::format("{} were", found)),
        function->line,
        "The program had no time for the others: raise time_limits.probe_scale of the profile, or look at "
        "those that hung.");
  }
  if (function->disks > 0) return {};
  if (function->driver == "none") {
    return finding(fmt::format("{} has no driver in the node, and so no disk", name), function->line, kLookAtLogs);
  }
  return finding(fmt::format("{} has no disk, though {} is bound to it", name, function->driver), function->line,
                 is_a_disk ? std::string(kLookAtLogs) : "Look whether a disk is connected to that controller.",
                 !is_a_disk);
}

Findings DiskStateProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  Findings findings;
  // nvme_ctrl_state (drivers/nvme/host/core.c), scsi_device_state (drivers/scsi/scsi_sysfs.c).
  if (!disk.state.empty() && disk.state != "live" && disk.state != "running") {
    findings.push_back(
        {.found = fmt::format("{} is in state \"{}\", expected live or running", DiskName(disk, name), disk.state),
         .where = disks.At(disk.state_line),
         .advice = kLookAtLogs});
  }
  if (disk.bytes == 0) {
    findings.push_back({.found = DiskName(disk, name) + " has no size",
                        .where = disks.At(disk.bytes_line),
                        .advice = "It has no medium, or its driver has given up: look at the node's kernel log."});
  }
  return findings;
}

Findings DiskHealthProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  Findings findings;
  if (!disk.health_error.empty()) {
    findings.push_back(
        {.found = fmt::format("{}: its health log could not be read: {}", DiskName(disk, name), disk.health_error),
         .where = disks.At(disk.health_error_line),
         .advice = disk.may_not_be_asked ? "It was not checked. " + std::string(kNotRoot) : std::string(kLookAtLogs),
         .note = disk.may_not_be_asked});
  } else if (disk.name.starts_with("nvme") && !disk.health && disk.trouble.empty()) {
    findings.push_back({.found = DiskName(disk, name) + ": nothing is known of its health",
                        .where = disks.At(disk.line),
                        .advice = kLookAtLogs});
  }
  if (disk.name.starts_with("sd")) {
    findings.push_back(
        {.found = DiskName(disk, name) + ": its health was not checked: this suite reads NVMe's log alone",
         .where = disks.At(disk.line),
         .advice = "Look at it in the node: smartctl -a /dev/" + disk.name,
         .note = true});
  }
  if (!disk.health) return findings;
  const NvmeHealth& health = *disk.health;
  for (const Warning& warning : kWarnings) {
    if ((health.critical_warning >> warning.bit & 1) == 0) continue;
    findings.push_back({.found = fmt::format("{} warns: {} (critical warning 0x{:02x})", DiskName(disk, name),
                                             warning.meaning, health.critical_warning),
                        .where = disks.At(health.line),
                        .advice = warning.advice});
  }
  if (health.critical_warning >> kWarnings.size() != 0) {
    findings.push_back({.found = fmt::format("{} warns of what this suite does not know (critical warning 0x{:02x})",
                                             DiskName(disk, name), health.critical_warning),
                        .where = disks.At(health.line),
                        .advice = "Look up its maker's documentation, and NVM Express's, log page 02h."});
  }
  const auto note = [&](const std::string& what, const char* advice) {
    findings.push_back({.found = fmt::format("{} {}", DiskName(disk, name), what),
                        .where = disks.At(health.line),
                        .advice = advice,
                        .note = true});
  };
  if (health.media_errors > 0) {
    note(fmt::format("has met {} media and data integrity errors since it was made", health.media_errors),
         "Watch whether they grow.");
  }
  if (health.percentage_used >= 100) {
    note(fmt::format("has used {} % of the life that its maker estimates", health.percentage_used),
         "Plan its replacement.");
  }
  return findings;
}

Findings ReadOnlyDiskProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  if (disk.read_only != true) return {};
  return {{.found = DiskName(disk, name) + " is read-only",
           .where = disks.At(disk.read_only_line),
           .advice = "Look whether it warns of itself, whether it is write-protected, and for blockdev --setro in the "
                     "node."}};
}

Findings DiskReadProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  Findings findings;
  const auto add = [&](const std::string& what, int line, const std::string& advice, bool note = false) {
    findings.push_back({.found = what, .where = disks.At(line), .advice = advice, .note = note});
  };
  if (!disk.trouble.empty()) {
    add(fmt::format("{} was not put to work to the end: {}", DiskName(disk, name), disk.trouble), disk.trouble_line,
        AdviceForTrouble(disk), IsExcused(disk));
  }
  if (disk.failed_reads > 0 || !disk.first_error.empty()) {
    add(fmt::format("{}: {} of {} reads failed, the first at byte {}", DiskName(disk, name), disk.failed_reads,
                    disk.reads, disk.first_error),
        disk.reads_line, kLookAtLogs);
  }
  if (disk.cached) {
    add(DiskName(disk, name) + " could not be read past the node's memory", disk.line,
        "Its file in /dev is no disk: look at it with ls -l.");
  }
  constexpr uint64_t kOneRead = 4096;
  if (disk.trouble.empty() && disk.reads == 0 && disk.bytes >= kOneRead) {
    add(DiskName(disk, name) + " was not read from", disk.line, kLookAtLogs);
  }
  if (disk.differing_pages.value_or(0) > 0) {
    const bool others_write = disk.writes_meanwhile > 0;
    add(fmt::format("{}: {} of its pages of 4 KiB returned other data when they were read again", DiskName(disk, name),
                    *disk.differing_pages),
        disk.differing_line,
        others_write
            ? fmt::format("The node wrote to it meanwhile, {} times.", disk.writes_meanwhile)
            : "Nobody writes to it. Look at the disk's health, and at AER errors of its function and of the ports "
              "above it on the host.",
        others_write);
  }
  if (disk.wrong_words > 0) {
    add(fmt::format("{} returned other data than its mark says: {} of {} words of 64 bits{}", DiskName(disk, name),
                    disk.wrong_words, disk.marked_words, FirstOf(disk.wrong)),
        disk.marked_line,
        "Either somebody wrote to it since it was marked, or data is lost between the disk and the node: look for DMA "
        "faults in the host's kernel log.");
  }
  return findings;
}

Findings DiskWriteProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  const auto finding = [&](const std::string& what, int line, const std::string& advice) {
    return Findings{
        {.found = fmt::format("{} {}", DiskName(disk, name), what), .where = disks.At(line), .advice = advice}};
  };
  if (!disk.writes && disk.trouble.empty()) {
    return finding("was not written to, though the profile lets it be overwritten: the node was not told to", disk.line,
                   "Where it is on the node's PCI bus was not known, or is another place: look at the run's notes.");
  }
  if (!disk.writes) {
    return finding("was not written to: " + disk.trouble, disk.trouble_line,
                   disk.may_not_be_read ? kNotRoot : kLookAtLogs);
  }
  const DiskWrites& writes = *disk.writes;
  if (!writes.refused.empty()) {
    return finding(
        fmt::format("was not written to, though the profile lets it be overwritten: {}", writes.refused), writes.line,
        "Only a disk is written to that holds what its mark says, and on which nothing else is: see \"Disks at "
        "work\" in docs/options.md.");
  }
  if (!writes.error.empty()) return finding("could not be written to: " + writes.error, writes.line, kLookAtLogs);
  if (writes.wrong > 0) {
    return finding(
        fmt::format("returned other data than was written: {} of {} words of 64 bits{}", writes.wrong, writes.words,
                    FirstOf(writes.first_wrong)),
        writes.line,
        "Data is lost between the node and the disk: look for DMA faults in the host's kernel log, and at the "
        "disk's health.");
  }
  if (writes.words == 0 || writes.words * 8 + kMarkBytes != writes.bytes) {
    return finding(fmt::format("was not read back whole after it was written to: {}",
                               disk.trouble.empty() ? "the program does not say why" : disk.trouble),
                   disk.trouble.empty() ? writes.line : disk.trouble_line, kLookAtLogs);
  }
  return {};
}

Findings DiskInterruptProblems(const DisksEvidence& disks, const Disk& disk, const std::string& name) {
  if (!disk.interrupts) {
    return {{.found = fmt::format("{}: its interrupts were not counted: {}", DiskName(disk, name), disk.trouble),
             .where = disks.At(disk.trouble_line),
             .advice = AdviceForTrouble(disk),
             .note = IsExcused(disk)}};
  }
  if (*disk.interrupts > 0 || disk.reads == disk.failed_reads) return {};
  return {{.found = fmt::format("{}: no interrupt arrived ({}) while {} reads were done", DiskName(disk, name),
                                disk.interrupt_kind, disk.reads),
           .where = disks.At(disk.interrupts_line),
           .advice = "Its driver polls, or asks again after a time: look at interrupt remapping and vfio in the host's "
                     "kernel log."}};
}

}  // namespace passthrough
