#include "helpers/parsers/pci_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kConfigBytes = 64;
// Offsets in config space, PCI Local Bus 3.0, 6.1.
constexpr size_t kCommand = 0x04;
constexpr size_t kRevision = 0x08;  // then the class, 3 bytes
constexpr size_t kHeaderType = 0x0e;
constexpr size_t kBaseAddress = 0x10;
constexpr size_t kSubsystem = 0x2c;

bool ReadHex(std::string_view digits, uint64_t* value) {
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  const char* end = digits.data() + digits.size();
  auto [rest, error] = std::from_chars(digits.data(), end, *value, 16);
  return error == std::errc() && rest == end;
}

// "0 0x00000000fd000000 0x00000000fdffffff 0x0000000000040200"
PciResource ParseResource(const FactFile& file, const Fact& fact) {
  std::vector<std::string_view> words = SplitWords(fact.value);
  PciResource resource;
  resource.line = fact.line;
  uint64_t index = 0;
  if (words.size() != 4 || !ReadHex(words[0], &index) || index > 6 || !ReadHex(words[1], &resource.start) ||
      !ReadHex(words[2], &resource.end) || !ReadHex(words[3], &resource.flags) || resource.end < resource.start) {
    ThrowEvidenceError(file, fact.line, "expected \"resource: number start end flags\", found \"" + fact.value + "\"");
  }
  resource.index = static_cast<int>(index);
  return resource;
}

// "de 10 84 26 …", 64 bytes.
std::vector<uint8_t> ParseConfig(const FactFile& file, const Fact& fact) {
  std::vector<uint8_t> bytes;
  for (std::string_view word : SplitWords(fact.value)) {
    uint64_t value = 0;
    if (word.size() != 2 || !ReadHex(word, &value)) {
      ThrowEvidenceError(file, fact.line, fmt::format("config: \"{}\" is no byte in two hexadecimal digits", word));
    }
    bytes.push_back(static_cast<uint8_t>(value));
  }
  if (bytes.size() != kConfigBytes) {
    ThrowEvidenceError(
        file, fact.line,
        fmt::format("config: expected the first {} bytes of config space, found {}", kConfigBytes, bytes.size()));
  }
  return bytes;
}

std::optional<int> OptionalInteger(const FactFile& file, const FactBlock& block, std::string_view key, int64_t least,
                                   int64_t most) {
  const Fact* fact = block.Find(key);
  if (fact == nullptr) return std::nullopt;
  return static_cast<int>(file.ToInteger(*fact, least, most));
}

// A word in place of a number is no broken evidence: the kernel has none for a function without a link.
std::optional<int> LinkWidth(const FactBlock& block, std::string_view key) {
  const std::string text = block.Value(key);
  int width = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, width);
  if (error != std::errc() || rest != end || width < 0) return std::nullopt;
  return width;
}

void ParseDetails(const FactFile& file, const FactBlock& block, PciFunction* function) {
  function->driver_override = block.Value("driver_override");
  // The kernel prints a null pointer so (drivers/pci/pci-sysfs.c, driver_override_show).
  if (function->driver_override == "(null)") function->driver_override.clear();
  if (auto enabled = OptionalInteger(file, block, "enable", 0, INT32_MAX)) {
    function->enabled = *enabled > 0;
  }
  function->irq = OptionalInteger(file, block, "irq", 0, INT32_MAX);
  function->numa_node = OptionalInteger(file, block, "numa_node", -1, INT32_MAX);
  function->current_link_speed = block.Value("current_link_speed");
  function->max_link_speed = block.Value("max_link_speed");
  function->current_link_width = LinkWidth(block, "current_link_width");
  function->max_link_width = LinkWidth(block, "max_link_width");
  function->iommu_group = OptionalInteger(file, block, "iommu_group", 0, INT32_MAX);
  function->power_state = block.Value("power_state");
  function->runtime_status = block.Value("runtime_status");
  for (int i = 0; i < 7; ++i) function->resources.at(static_cast<size_t>(i)).index = i;
  for (const Fact* fact : block.FindAll("resource")) {
    PciResource resource = ParseResource(file, *fact);
    function->resources.at(static_cast<size_t>(resource.index)) = resource;
  }
  if (const Fact* config = block.Find("config")) {
    function->config = ParseConfig(file, *config);
    function->config_line = config->line;
  } else if (const Fact* error = block.Find("config_error")) {
    function->config_line = error->line;
  }
  for (std::string_view kind : {"correctable", "nonfatal", "fatal"}) {
    const Fact* fact = block.Find(fmt::format("aer_{}", kind));
    if (fact == nullptr) continue;
    // The total, then each counter that is not 0: "3 BadTLP=2 Timeout=1".
    Fact total = *fact;
    total.value = total.value.substr(0, total.value.find(' '));
    function->aer_totals[std::string(kind)] = static_cast<uint64_t>(file.ToInteger(total, 0, INT64_MAX));
  }
}

// "0-1,4", as the kernel prints lists of numbers.
std::vector<int> ParseNumberList(const FactFile& file, const Fact* fact) {
  constexpr int kMost = 1024;  // NUMA nodes; the kernel's limit is lower
  std::vector<int> numbers;
  if (fact == nullptr) return numbers;
  std::string_view rest = fact->value;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const size_t dash = part.find('-');
    const auto number = [&](std::string_view text) {
      return file.ToInteger(Fact{fact->key, std::string(text), fact->line}, 0, kMost);
    };
    const int64_t first = number(part.substr(0, dash));
    const int64_t last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
    for (int64_t i = first; i <= last; ++i) numbers.push_back(static_cast<int>(i));
    if (numbers.size() > kMost) ThrowEvidenceError(file, fact->line, fact->key + ": too many numbers");
  }
  return numbers;
}

PciFunction ParseFunction(const FactFile& file, const FactBlock& block) {
  PciFunction function;
  function.line = block.line;
  const Fact& name = block.facts.front();
  std::optional<PciAddress> address = PciAddress::Parse(name.value);
  if (!address) {
    ThrowEvidenceError(file, name.line, "\"" + name.value + "\" is no PCI address");
  }
  function.address = *address;
  auto hex = [&](std::string_view key, uint64_t most) { return file.ToHex(file.Require(block, key), most); };
  function.vendor = static_cast<uint16_t>(hex("vendor", 0xffff));
  function.device = static_cast<uint16_t>(hex("device", 0xffff));
  function.class_code = static_cast<uint32_t>(hex("class", 0xffffff));
  function.subsystem_vendor = static_cast<uint16_t>(hex("subsystem_vendor", 0xffff));
  function.subsystem_device = static_cast<uint16_t>(hex("subsystem_device", 0xffff));
  function.revision = static_cast<uint8_t>(hex("revision", 0xff));
  function.driver = block.Value("driver");
  if (const Fact* parent = block.Find("parent")) {
    function.parent = PciAddress::Parse(parent->value);
    if (!function.parent) {
      ThrowEvidenceError(file, parent->line, "\"" + parent->value + "\" is no PCI address");
    }
  }
  // Of a bridge the probe prints no "config".
  function.detailed = block.Find("config") != nullptr || block.Find("config_error") != nullptr;
  if (function.detailed) ParseDetails(file, block, &function);
  return function;
}

}  // namespace

std::string PciFunction::Id() const { return fmt::format("{:04x}:{:04x}", vendor, device); }

bool PciFunction::ConfigIsDead() const {
  if (config.size() < kConfigBytes) return false;
  // The top bit says that the device has several functions; the rest is the type.
  if ((config[kHeaderType] & 0x7f) == 0x7f) return true;
  return std::all_of(config.begin(), config.end(), [](uint8_t byte) { return byte == 0xff; });
}

static uint32_t LittleEndian(const std::vector<uint8_t>& bytes, size_t offset, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | bytes.at(offset + i);
  return value;
}

std::optional<uint16_t> PciFunction::ConfigVendor() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return static_cast<uint16_t>(LittleEndian(config, 0, 2));
}

std::optional<uint16_t> PciFunction::ConfigDevice() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return static_cast<uint16_t>(LittleEndian(config, 2, 2));
}

std::optional<uint32_t> PciFunction::ConfigBar(int index) const {
  if (config.size() < kConfigBytes || index < 0 || index > 5) return std::nullopt;
  return LittleEndian(config, kBaseAddress + 4 * static_cast<size_t>(index), 4);
}

std::optional<uint8_t> PciFunction::ConfigRevision() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return config[kRevision];
}

std::optional<uint32_t> PciFunction::ConfigClass() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return LittleEndian(config, kRevision + 1, 3);
}

std::optional<uint32_t> PciFunction::ConfigSubsystem() const { return ConfigWord(kSubsystem); }

std::optional<uint8_t> PciFunction::ConfigHeaderType() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return static_cast<uint8_t>(config[kHeaderType] & 0x7f);
}

std::optional<uint16_t> PciFunction::ConfigCommand() const {
  if (config.size() < kConfigBytes) return std::nullopt;
  return static_cast<uint16_t>(LittleEndian(config, kCommand, 2));
}

std::optional<uint32_t> PciFunction::ConfigWord(size_t offset) const {
  if (config.size() < kConfigBytes || offset + 4 > kConfigBytes) return std::nullopt;
  return LittleEndian(config, offset, 4);
}

std::optional<uint64_t> PciFunction::ConfigBarAddress(int index) const {
  const std::optional<uint32_t> low = ConfigBar(index);
  if (!low || !resources.at(static_cast<size_t>(index)).IsMemory()) return std::nullopt;
  uint64_t start = *low & ~uint32_t{0xf};  // the lowest bits say of which kind it is
  if (resources.at(static_cast<size_t>(index)).Is64Bit()) {
    start |= static_cast<uint64_t>(ConfigBar(index + 1).value_or(0)) << 32;
  }
  return start;
}

bool PciFunction::MemorySpaceEnabled() const { return (ConfigCommand().value_or(0) & 0x02) != 0; }

bool PciFunction::BusMasterEnabled() const { return (ConfigCommand().value_or(0) & 0x04) != 0; }

bool PciFunction::IsAwake() const {
  const bool suspended =
      runtime_status == "suspended" || runtime_status == "suspending" || runtime_status == "resuming";
  if (runtime_status == "active") return true;  // whatever state it is in: it should not be
  return !suspended && (power_state.empty() || power_state == "D0" || power_state == "unknown");
}

PciEvidence PciEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  FactFile file = FactFile::Parse(text, path, "pci", "function");
  PciEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  evidence.numa_nodes = ParseNumberList(file, file.head.Find("numa_nodes_online"));
  evidence.numa_nodes_with_cpus = ParseNumberList(file, file.head.Find("numa_nodes_has_cpu"));
  const std::string drivers = file.head.Value("pci_drivers");
  for (const std::string_view driver : SplitWords(drivers)) evidence.drivers.emplace_back(driver);
  for (const FactBlock& block : file.blocks) {
    evidence.functions.push_back(ParseFunction(file, block));
  }
  std::stable_sort(evidence.functions.begin(), evidence.functions.end(),
                   [](const auto& a, const auto& b) { return a.address < b.address; });
  for (size_t i = 1; i < evidence.functions.size(); ++i) {
    if (evidence.functions[i].address == evidence.functions[i - 1].address) {
      ThrowEvidenceError(file, evidence.functions[i].line,
                         evidence.functions[i].address.ToString() + " is listed twice");
    }
  }
  return evidence;
}

bool PciEvidence::HasDriver(std::string_view name) const {
  return std::find(drivers.begin(), drivers.end(), name) != drivers.end();
}

const PciFunction* PciEvidence::Find(const PciAddress& address) const {
  for (const PciFunction& function : functions) {
    if (function.address == address) return &function;
  }
  return nullptr;
}

std::vector<const PciFunction*> PciEvidence::WithId(uint16_t vendor, uint16_t device) const {
  std::vector<const PciFunction*> found;
  for (const PciFunction& function : functions) {
    if (function.vendor == vendor && function.device == device) found.push_back(&function);
  }
  return found;
}

std::vector<const PciFunction*> PciEvidence::OfVendor(uint16_t vendor, std::optional<uint8_t> base_class) const {
  std::vector<const PciFunction*> found;
  for (const PciFunction& function : functions) {
    if (function.vendor == vendor && (!base_class || function.BaseClass() == *base_class)) {
      found.push_back(&function);
    }
  }
  return found;
}

}  // namespace passthrough
