#include "helpers/parsers/disks_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostDisks = 1024;

// "0000:05:00.0 nvme 1"
StorageFunction ReadStorageFunction(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  StorageFunction function;
  function.line = fact.line;
  if (words.size() != 3 || !ReadWhole(words[2], &function.disks)) file.ThrowUnlike(fact, "\"address driver disks\"");
  function.address = file.ToAddress(fact, words[0]);
  function.driver = words[1];
  return function;
}

// Two numbers.
template <typename Number>
void ReadPair(const FactFile& file, const Fact& fact, Number* first, Number* second) {
  const auto words = SplitWords(fact.value);
  if (words.size() != 2 || !ReadWhole(words[0], first) || !ReadWhole(words[1], second)) {
    file.ThrowUnlike(fact, "two numbers");
  }
}

// "8192 0123456789abcdef 0123456789abcdee"
WrongWord ReadWrongWord(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  WrongWord wrong{.line = fact.line};
  if (words.size() != 3 || !ReadWhole(words[0], &wrong.offset) || !ReadWhole(words[1], &wrong.expected, 16) ||
      !ReadWhole(words[2], &wrong.found, 16)) {
    file.ThrowUnlike(fact, "\"offset expected found\"");
  }
  return wrong;
}

uint64_t ReadCount(const FactFile& file, const Fact& fact) {
  uint64_t number = 0;
  if (!ReadWhole(fact.value, &number)) file.ThrowUnlike(fact, "a whole number");
  return number;
}

// Sets `line` where there is such a fact.
std::optional<uint64_t> FindCount(const FactFile& file, const FactBlock& block, std::string_view key,
                                  int* line = nullptr) {
  const Fact* const fact = block.Find(key);
  if (fact == nullptr) return std::nullopt;
  if (line != nullptr) *line = fact->line;
  return ReadCount(file, *fact);
}

std::optional<double> FindDecimal(const FactFile& file, const FactBlock& block, std::string_view key,
                                  int* line = nullptr) {
  const Fact* const fact = block.Find(key);
  if (fact == nullptr) return std::nullopt;
  if (line != nullptr) *line = fact->line;
  double number = 0;
  const char* const end = fact->value.data() + fact->value.size();
  const auto [rest, error] = std::from_chars(fact->value.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || rest != end || !(number >= 0 && number < 1e12)) file.ThrowUnlike(*fact, "a number");
  return number;
}

std::optional<NvmeHealth> ReadHealth(const FactFile& file, const FactBlock& block) {
  NvmeHealth health;
  const auto warning = FindCount(file, block, "critical_warning", &health.line);
  if (!warning) return std::nullopt;
  health.critical_warning = *warning;
  health.available_spare = FindCount(file, block, "available_spare").value_or(100);
  health.spare_threshold = FindCount(file, block, "spare_threshold").value_or(0);
  health.percentage_used = FindCount(file, block, "percentage_used").value_or(0);
  health.media_errors = FindCount(file, block, "media_errors").value_or(0);
  health.error_log_entries = FindCount(file, block, "error_log_entries").value_or(0);
  health.temperature_kelvin = FindCount(file, block, "temperature_kelvin").value_or(0);
  return health;
}

// The words of EACCES and EPERM.
bool MayNot(std::string_view error) { return error == "Permission denied" || error == "Operation not permitted"; }

// The first thing that kept the work from its end.
void ReadTrouble(const FactFile& file, const FactBlock& block, Disk* disk) {
  for (const Fact& fact : block.facts) {
    const auto words = SplitWords(fact.value);
    if (fact.key == "open_error") {
      disk->trouble = "it cannot be opened: " + fact.value;
      disk->may_not_be_read = MayNot(fact.value);
      disk->has_no_medium = fact.value == "No medium found";
    } else if (fact.key == "hung" || fact.key == "crashed" || fact.key == "time_ran_out") {
      if (words.size() != 2) file.ThrowUnlike(fact, "two words");
      disk->trouble = fact.key == "hung" ? fmt::format("{} did not return within {} s", words[0], words[1])
                      : fact.key == "crashed"
                          ? fmt::format("the program crashed in {} (signal {})", words[0], words[1])
                          : fmt::format("its turn did not end within the {} s of all disks", words[1]);
    } else {
      continue;
    }
    disk->trouble_line = fact.line;
    return;
  }
  const bool said_all = disk->interrupts && disk->differing_pages && disk->reads_line > 0 && disk->bytes_line > 0;
  if (block.Value("done") == "yes" && said_all) return;
  disk->trouble = block.Value("done") == "yes" ? "the program does not say what came of it"
                                               : "the program ended before it was done with this disk";
  disk->trouble_line = block.facts.back().line;
}

void ReadReads(const FactFile& file, const FactBlock& block, Disk* disk) {
  if (const Fact* const reads = block.Find("reads")) {
    ReadPair(file, *reads, &disk->reads, &disk->failed_reads);
    disk->reads_line = reads->line;
  }
  if (const Fact* const error = block.Find("read_error")) {
    disk->first_error = error->value;
    disk->reads_line = error->line;
  }
  disk->differing_pages = FindCount(file, block, "differing_pages", &disk->differing_line);
  if (const Fact* const first = block.Find("differs")) disk->differing_line = first->line;
  if (const Fact* const marked = block.Find("marked_words")) {
    ReadPair(file, *marked, &disk->marked_words, &disk->wrong_words);
    disk->marked_line = marked->line;
  }
  for (const Fact* const wrong : block.FindAll("wrong")) disk->wrong.push_back(ReadWrongWord(file, *wrong));
  disk->large_mb_per_s = FindDecimal(file, block, "large_mb_per_s", &disk->rate_line);
  disk->small_reads_per_s = FindDecimal(file, block, "small_reads_per_s");
  disk->link_speed = block.Value("link_speed_under_load");
  if (const Fact* const width = block.Find("link_width_under_load")) {
    disk->link_width = static_cast<int>(file.ToInteger(*width, 0, 255));
  }
  disk->interrupt_kind = block.Value("interrupt_kind");
  disk->interrupts = FindCount(file, block, "interrupts", &disk->interrupts_line);
}

std::optional<DiskWrites> ReadWrites(const FactFile& file, const FactBlock& block) {
  DiskWrites writes;
  bool found = false;
  for (const Fact& fact : block.facts) {
    if (fact.key == "phase" && fact.value == "writes") {
      writes.line = fact.line;
      found = true;
    } else if (fact.key == "not_written" || fact.key == "write_error") {
      (fact.key == "not_written" ? writes.refused : writes.error) = fact.value;
      writes.line = fact.line;
    } else if (fact.key == "written_bytes") {
      writes.bytes = ReadCount(file, fact);
    } else if (fact.key == "written_words") {
      ReadPair(file, fact, &writes.words, &writes.wrong);
      writes.line = fact.line;
    } else if (fact.key == "wrong_written") {
      writes.first_wrong.push_back(ReadWrongWord(file, fact));
    }
  }
  if (!found) return std::nullopt;
  writes.mb_per_s = FindDecimal(file, block, "write_mb_per_s");
  return writes;
}

Disk ReadDisk(const FactFile& file, const FactBlock& block) {
  Disk disk;
  disk.line = block.line;
  disk.name = block.Value("disk");
  file.Require(block, "pci_address");
  for (const Fact* const address : block.FindAll("pci_address")) {
    disk.addresses.push_back(file.ToAddress(*address, address->value));
  }
  disk.bytes = FindCount(file, block, "bytes", &disk.bytes_line).value_or(0);
  if (const auto read_only = FindCount(file, block, "read_only", &disk.read_only_line))
    disk.read_only = *read_only != 0;
  disk.model = block.Value("model");
  disk.serial = block.Value("serial");
  disk.firmware = block.Value("firmware");
  if (const Fact* const state = block.Find("state")) {
    disk.state = state->value;
    disk.state_line = state->line;
  }
  disk.cached = block.Value("direct") == "no";
  disk.health = ReadHealth(file, block);
  if (const Fact* const error = block.Find("health_error")) {
    disk.health_error = error->value;
    disk.health_error_line = error->line;
    disk.may_not_be_asked = MayNot(error->value) || error->value == "Inappropriate ioctl for device";
  }
  disk.writes_meanwhile = FindCount(file, block, "writes_meanwhile").value_or(0);
  ReadReads(file, block, &disk);
  disk.writes = ReadWrites(file, block);
  ReadTrouble(file, block, &disk);
  return disk;
}

}  // namespace

DisksEvidence DisksEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  const FactFile file = FactFile::Parse(text, path, kProbe, "disk");
  DisksEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  for (const char* key : {"program_error", "hung", "crashed", "time_ran_out"}) {
    const Fact* const fact = file.head.Find(key);
    if (fact == nullptr || !evidence.trouble.empty()) continue;
    evidence.trouble = fmt::format("{}: {}", key, fact->value);
    evidence.trouble_line = fact->line;
  }
  for (const Fact* const fact : file.head.FindAll("function")) {
    evidence.functions.push_back(ReadStorageFunction(file, *fact));
  }
  if (file.blocks.size() > kMostDisks) {
    ThrowEvidenceError(file, file.last_line, fmt::format("{} disks", file.blocks.size()));
  }
  for (const FactBlock& block : file.blocks) evidence.disks.push_back(ReadDisk(file, block));
  return evidence;
}

const StorageFunction* DisksEvidence::FindFunction(const PciAddress& address) const {
  for (const StorageFunction& one : functions) {
    if (one.address == address) return &one;
  }
  return nullptr;
}

std::vector<const Disk*> DisksEvidence::DisksOf(const PciAddress& address) const {
  std::vector<const Disk*> found;
  for (const Disk& one : disks) {
    if (std::find(one.addresses.begin(), one.addresses.end(), address) != one.addresses.end()) found.push_back(&one);
  }
  return found;
}

}  // namespace passthrough
