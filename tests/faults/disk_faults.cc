// What can be wrong with a disk that is passed through. That of the lab is real to its node: reads cross vfio-pci and
// the IOMMU, and its driver is Linux's own.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// In a node: the lab's disk in $name ("vdb"), its device in $device, its PCI function in $address.
constexpr char kFindDisk[] =
    "for serial in /sys/block/*/serial; do\n"
    "  case $(cat \"$serial\") in lab*) name=${serial#/sys/block/} name=${name%/serial} ;; esac\n"
    "done\n"
    "device=$(readlink -f \"/sys/block/$name/device\")\n"
    "address=${device%/*} address=${address##*/} device=${device##*/}\n";

// What the probe printed of the lab's disk, as `sed` makes it.
std::string DiskSays(const std::string& sed) {
  return fmt::format(
      "# probe disks printed other text of the disk: {0}\n"
      "cd evidence/hpc_compute_01\n"
      "cp disks.txt before.txt\n"
      "name=$(awk '/^disk:/ {{ name = $2 }} /^serial: lab/ {{ print name }}' before.txt)\n"
      "sed \"/^disk: $name\\$/,/^done:/{{ {0}\n}}\" before.txt >disks.txt\n"
      "! cmp -s before.txt disks.txt\n"
      "rm before.txt\n",
      sed);
}

// The run's evidence as where the profile lets the disk be overwritten: what the probe printed of that is `lines`.
std::string WritesSay(const std::string& lines) {
  return "# the profile lets the disk be overwritten, and probe disks printed: " + lines +
         "\nsed -i 's/\"may_be_overwritten\": \\[\\]/\"may_be_overwritten\": [\"0000:05:00.0\"]/' run.json\n" +
         DiskSays("s/^writes_meanwhile: .*/&\\nphase: writes\\n" + lines + "/");
}

Fault InNode(Fault fault) {
  fault.cluster = FaultCluster::kDevices;
  fault.in_node.insert(fault.in_node.find('\n') + 1, kFindDisk);  // its first line says what is done
  return fault;
}

Fault InEvidence(Fault fault) {
  fault.mode = FaultMode::kReplay;
  fault.cluster = FaultCluster::kDevices;
  return fault;
}

}  // namespace

std::vector<Fault> DiskFaults() {
  return {
      InNode({.id = "N40",
              .name = "the disk's function has no driver",
              .in_node = "# the function is unbound from virtio-pci\n"
                         "echo \"$address\" >/sys/bus/pci/drivers/virtio-pci/unbind\n",
              .fails = {"DiskWork.*"},
              .says = {{"DiskWork.HasADisk", "has no driver in the node, and so no disk"}}}),
      InNode({.id = "N40b",
              .name = "the disk's driver let it go",
              .in_node = "# the virtio device is unbound from virtio_blk\n"
                         "echo \"$device\" >/sys/bus/virtio/drivers/virtio_blk/unbind\n",
              .fails = {"DiskWork.*"},
              .says = {{"DiskWork.HasADisk", "has no disk, though virtio-pci is bound to it"}}}),
      InNode({.id = "N40c",
              .name = "the disk is read-only",
              .in_node = "# blockdev --setro\nbusybox blockdev --setro \"/dev/$name\"\n",
              .fails = {"DiskWork.CanBeWrittenTo"},
              .says = {{"DiskWork.CanBeWrittenTo", "is read-only"}}}),
      InEvidence({.id = "N40d",
                  .name = "the disk's driver gave it up",
                  .in_evidence = DiskSays("s/^serial: .*/&\\nstate: dead/"),
                  .fails = {"DiskWork.IsReady"},
                  .says = {{"DiskWork.IsReady", "is in state \"dead\", expected live or running"}}}),
      InEvidence({.id = "N40e",
                  .name = "the disk has no size",
                  .in_evidence = DiskSays("s/^bytes: .*/bytes: 0/"),
                  .fails = {"DiskWork.IsReady"},
                  .says = {{"DiskWork.IsReady", "has no size"}}}),
      InEvidence({.id = "N40f",
                  .name = "an NVMe disk says that it is no longer reliable",
                  .in_evidence = DiskSays("s/^serial: .*/&\\ncritical_warning: 4\\nmedia_errors: 2/"),
                  .fails = {"DiskWork.IsHealthy"},
                  .says = {{"DiskWork.IsHealthy", "it is no longer reliable"}}}),
      InEvidence({.id = "N40g",
                  .name = "the program that reads from disks was not built",
                  .in_evidence = "cd evidence/hpc_compute_01\n"
                                 "printf 'program_error: there is no disks\\nend: disks\\n' >disks.txt\n",
                  .fails = {"DiskWork.*"},
                  .says = {{"DiskWork.HasADisk", "the disks of the node were not looked at"}}}),
  };
}

std::vector<Fault> DiskReadFaults() {
  return {
      InNode({.id = "N41",
              .name = "the disk's function may not begin transfers",
              .in_node = "# bus mastering is switched off\n"
                         "printf '\\002\\004' | dd of=/sys/bus/pci/devices/$address/config bs=1 seek=4 conv=notrunc\n",
              .fails = {"DiskWork.ReturnsWhatItHolds", "DiskWork.InterruptsArrive",
                        "PciDevice.IsEnabledForItsDriver/@disk"},
              .says = {{"DiskWork.ReturnsWhatItHolds", "did not return within"},
                       {"PciDevice.IsEnabledForItsDriver/@disk", "bus mastering is off"}}}),
      InNode({.id = "N41b",
              .name = "the disk's interrupts are off",
              .in_node = "# MSI-X is switched off in the function\n"
                         "at=$(lspci -vv -s \"$address\" | sed -n 's/.*\\[\\([0-9a-f]*\\)\\] MSI-X:.*/\\1/p')\n"
                         "printf '\\000' | dd of=/sys/bus/pci/devices/$address/config bs=1 seek=$((0x$at + 3)) "
                         "conv=notrunc\n",
              .fails = {"DiskWork.ReturnsWhatItHolds", "DiskWork.InterruptsArrive"},
              .says = {{"DiskWork.ReturnsWhatItHolds", "did not return within"}}}),
      InEvidence({.id = "N41c",
                  .name = "a bit of what the disk returned is not that of its mark",
                  .in_evidence = DiskSays("s/^marked_words: \\([0-9]*\\) 0/wrong: 1048576 0123456789abcdef "
                                          "0123456789abcdee\\nmarked_words: \\1 1/"),
                  .fails = {"DiskWork.ReturnsWhatItHolds"},
                  .says = {{"DiskWork.ReturnsWhatItHolds",
                            "the first at byte 1048576: 0123456789abcdee, expected 0123456789abcdef"}}}),
      InEvidence({.id = "N41d",
                  .name = "a page of the disk was another when it was read again",
                  .in_evidence = DiskSays("s/^differing_pages: 0/differs: 8192\\ndiffering_pages: 1/"),
                  .fails = {"DiskWork.ReturnsWhatItHolds"},
                  .says = {{"DiskWork.ReturnsWhatItHolds", "1 of its pages of 4 KiB returned other data"}}}),
      InEvidence(
          {.id = "N41e",
           .name = "a read of the disk failed",
           .in_evidence = DiskSays("s/^reads: \\([0-9]*\\) 0/read_error: 4096 Input\\/output error\\n"
                                   "reads: \\1 1/"),
           .fails = {"DiskWork.ReturnsWhatItHolds"},
           .says = {{"DiskWork.ReturnsWhatItHolds", "reads failed, the first at byte 4096 Input/output error"}}}),
      InEvidence({.id = "N41f",
                  .name = "no interrupt of the disk arrived, though it was read from",
                  .in_evidence = DiskSays("s/^interrupts: .*/interrupts: 0/"),
                  .fails = {"DiskWork.InterruptsArrive"},
                  .says = {{"DiskWork.InterruptsArrive", "no interrupt arrived"}}}),
      InEvidence({.id = "N41g",
                  .name = "the program crashed while it read from the disk",
                  .in_evidence = DiskSays("/^large_reads/,/^done/d; s/^phase: reads/&\\ncrashed: large_read 7/"),
                  .fails = {"DiskWork.ReturnsWhatItHolds", "DiskWork.InterruptsArrive"},
                  .says = {{"DiskWork.ReturnsWhatItHolds", "the program crashed in large_read (signal 7)"}}}),
  };
}

std::vector<Fault> DiskWriteFaults() {
  return {
      InEvidence({.id = "N42",
                  .name = "a bit of what was written to the disk is another when it is read back",
                  .in_evidence = WritesSay("wrong_written: 8192 0123456789abcdef 0123456789abcdee\\n"
                                           "written_words: 2096640 1"),
                  .fails = {"DiskOverwrite.ReturnsWhatWasWritten"},
                  .says = {{"DiskOverwrite.ReturnsWhatWasWritten",
                            "returned other data than was written: 1 of 2096640 words of 64 bits, the first at byte "
                            "8192"}}}),
      InEvidence({.id = "N42b",
                  .name = "the disk that may be overwritten has no mark",
                  .in_evidence = WritesSay("not_written: it has no mark"),
                  .fails = {"DiskOverwrite.ReturnsWhatWasWritten"},
                  .says = {{"DiskOverwrite.ReturnsWhatWasWritten",
                            "was not written to, though the profile lets it be overwritten: it has no mark"}}}),
      InEvidence({.id = "N42c",
                  .name = "a write to the disk failed",
                  .in_evidence = WritesSay("write_error: Input\\/output error"),
                  .fails = {"DiskOverwrite.ReturnsWhatWasWritten"},
                  .says = {{"DiskOverwrite.ReturnsWhatWasWritten", "could not be written to: Input/output error"}}}),
  };
}

}  // namespace passthrough
