// The passed-through disks at work: what any program of the node that reads from them would meet.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fixtures/check.h"
#include "helpers/health/devices/disk_problems.h"
#include "helpers/health/link_problems.h"
#include "helpers/parsers/disks_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"

namespace passthrough {
namespace {

class DiskWork : public DeviceCheckOf<PciEvidence, DisksEvidence> {
 protected:
  const DisksEvidence& Evidence() { return Parsed<DisksEvidence>(); }
  const PciFunction& Function() {
    return RequireGuestFunction(node(), Domain(), device(), DeviceName(), Parsed<PciEvidence>());
  }
  // NVMe (PCI Code and ID Assignment: 0108), and virtio's block device (Virtual I/O Device 1.2, 5.2, 4.1.2.1).
  bool IsADisk() {
    const PciFunction& function = Function();
    const bool is_virtio = function.vendor == kVirtioVendor && (function.device == 0x1042 || function.device == 0x1001);
    return function.class_code >> 8 == 0x0108 || is_virtio;
  }
  Findings Missing() { return MissingDiskProblems(Evidence(), Function().address, IsADisk(), DeviceName()); }
  // `problems_of` each disk of the function.
  void ReportOfEach(Findings (*problems_of)(const DisksEvidence&, const Disk&, const std::string&)) {
    const std::vector<const Disk*> disks = Evidence().DisksOf(Function().address);
    Findings findings = Missing();
    if (disks.empty() && !std::all_of(findings.begin(), findings.end(), [](const Finding& one) { return one.note; })) {
      throw EvidenceError(
          fmt::format("{}: not checked: {} ({})", node().name, findings.front().found, findings.front().where));
    }
    for (const Disk* const disk : disks) {
      for (Finding& finding : problems_of(Evidence(), *disk, DeviceName())) findings.push_back(std::move(finding));
    }
    ReportEach(findings);
  }
  // What the reports have of a function with a single disk.
  void Record(const Disk& disk) {
    if (disk.large_mb_per_s) RecordProperty("read_mb_per_s", fmt::format("{:.3f}", *disk.large_mb_per_s));
    const auto link = PcieLinkRate(disk.link_speed, disk.link_width.value_or(0));
    if (disk.large_mb_per_s && link) {
      RecordProperty("read_percent_of_link", fmt::format("{:.1f}", *disk.large_mb_per_s / 10 / *link));
    }
    if (disk.small_reads_per_s) RecordProperty("small_reads_per_s", fmt::format("{:.1f}", *disk.small_reads_per_s));
    if (disk.interrupts) RecordProperty("interrupts", fmt::format("{}", *disk.interrupts));
    if (disk.marked_words > 0) RecordProperty("compared_kib", fmt::format("{}", disk.marked_words * 8 / 1024));
  }
};

PASSTHROUGH_CHECKS(DiskWork, StorageDevices);

// Only of disks that the profile lets be overwritten.
class DiskOverwrite : public DiskWork {};

PASSTHROUGH_CHECKS(DiskOverwrite, OverwritableDevices);

TEST_P(DiskWork, HasADisk) { ReportEach(Missing()); }

TEST_P(DiskWork, IsReady) { ReportOfEach(DiskStateProblems); }

TEST_P(DiskWork, IsHealthy) { ReportOfEach(DiskHealthProblems); }

TEST_P(DiskWork, CanBeWrittenTo) { ReportOfEach(ReadOnlyDiskProblems); }

TEST_P(DiskWork, ReturnsWhatItHolds) {
  const std::vector<const Disk*> disks = Evidence().DisksOf(Function().address);
  if (disks.size() == 1) Record(*disks.front());
  ReportOfEach(DiskReadProblems);
}

TEST_P(DiskOverwrite, ReturnsWhatWasWritten) {
  const std::vector<const Disk*> disks = Evidence().DisksOf(Function().address);
  if (disks.empty()) {
    throw EvidenceError(fmt::format("{}: not checked: {} has no disk ({})", node().name, DeviceName(),
                                    Evidence().At(Evidence().last_line)));
  }
  if (disks.size() == 1 && disks.front()->writes && disks.front()->writes->mb_per_s) {
    RecordProperty("write_mb_per_s", fmt::format("{:.3f}", *disks.front()->writes->mb_per_s));
  }
  ReportOfEach(DiskWriteProblems);
}

TEST_P(DiskWork, InterruptsArrive) { ReportOfEach(DiskInterruptProblems); }

}  // namespace
}  // namespace passthrough
