// What the probe "disks" printed: the disks that PCI functions drive, and how each did at work. See remote/disks/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"

namespace passthrough {

// A PCI function of class 01, mass storage.
struct StorageFunction {
  PciAddress address;
  std::string driver;  // "none"
  int disks = 0;       // how many it drives
  int line = 0;
};

// NVMe's SMART / Health Information (NVM Express Base Specification 2.0, figure 207).
struct NvmeHealth {
  int line = 0;                   // of critical_warning
  uint64_t critical_warning = 0;  // bits
  uint64_t available_spare = 0;   // percent
  uint64_t spare_threshold = 0;   // percent
  uint64_t percentage_used = 0;   // of its life; may be above 100
  uint64_t media_errors = 0;      // since it was made
  uint64_t error_log_entries = 0;
  uint64_t temperature_kelvin = 0;
};

// One word that is not what the disk's mark says.
struct WrongWord {
  uint64_t offset = 0;  // bytes
  uint64_t expected = 0;
  uint64_t found = 0;
  int line = 0;
};

// What became of writing to a disk. See remote/disks/disk_writes.h.
struct DiskWrites {
  std::string refused;  // why nothing was written; empty: something was, or was to be
  std::string error;    // what went wrong; empty: nothing
  int line = 0;         // of either, or of the result
  uint64_t bytes = 0;   // that were written, with the mark
  uint64_t words = 0;   // of 64 bits, that were written and read back
  uint64_t wrong = 0;   // of these
  std::vector<WrongWord> first_wrong = {};
  std::optional<double> mb_per_s = {};  // 10^6 bytes a second, with the flush
};

struct Disk {
  std::string name;                   // "nvme0n1"
  std::vector<PciAddress> addresses;  // of the functions that lead to it; at least one
  int line = 0;
  uint64_t bytes = 0;
  int bytes_line = 0;
  std::optional<bool> read_only;
  int read_only_line = 0;
  std::string model, serial, firmware;
  std::string state;  // the driver's word: "live", "running"; empty: it has none
  int state_line = 0;
  std::optional<NvmeHealth> health;
  std::string health_error;       // why there is none of an NVMe disk
  bool may_not_be_asked = false;  // by this user, or it takes no such command: that is why
  int health_error_line = 0;
  // Where it could not be put to work, or the work did not end: what it met. Empty: it ended.
  std::string trouble;
  int trouble_line = 0;
  bool may_not_be_read = false;   // by this user: that is the trouble
  bool has_no_medium = false;     // the same
  uint64_t writes_meanwhile = 0;  // that the node sent to it while it was read from
  bool cached = false;            // reads may have come from the node's memory
  int reads = 0;                  // both rounds
  int failed_reads = 0;
  std::string first_error;  // "4096 Input/output error": offset and reason
  int reads_line = 0;
  std::optional<uint64_t> differing_pages;  // of 4 KiB, that were other at the second read
  int differing_line = 0;
  uint64_t marked_words = 0;  // of 64 bits, of which is known what they are
  uint64_t wrong_words = 0;   // of these
  int marked_line = 0;
  std::vector<WrongWord> wrong;          // the first few
  std::optional<double> large_mb_per_s;  // 10^6 bytes a second, one read of 1 MiB after the other
  int rate_line = 0;
  std::optional<double> small_reads_per_s;  // of 4 KiB, one after the other
  std::string link_speed;                   // while it was read from: "8.0 GT/s PCIe"; empty: it has none
  std::optional<int> link_width;
  std::string interrupt_kind;  // "msi", "intx", "none"
  std::optional<uint64_t> interrupts;
  int interrupts_line = 0;
  std::optional<DiskWrites> writes;  // nullopt: it was not to be written to
};

struct DisksEvidence : EvidenceFile {
  static constexpr char kProbe[] = "disks";

  std::string trouble;  // why no disk was looked for; empty: they were
  int trouble_line = 0;
  std::vector<StorageFunction> functions;
  std::vector<Disk> disks;
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static DisksEvidence Parse(std::string_view text, const std::filesystem::path& path);
  const StorageFunction* FindFunction(const PciAddress& address) const;  // nullptr: it is not there
  std::vector<const Disk*> DisksOf(const PciAddress& address) const;
};

}  // namespace passthrough
