#include "helpers/parsers/fact_file.h"

#include <fmt/format.h>

#include <charconv>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// remote/run-all.sh passes on no more than this of a probe's output.
constexpr size_t kMostText = 4u << 20;
constexpr size_t kMostShown = 200;

bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= 64 &&
         key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::string Quoted(std::string_view text) {
  bool cut = text.size() > kMostShown;
  return fmt::format("\"{}\"{}", Printable(text.substr(0, kMostShown)), cut ? "…" : "");
}

template <typename Number>
bool Read(std::string_view text, Number* number, int base) {
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, *number, base);
  return error == std::errc() && rest == end && !text.empty();
}

}  // namespace

std::string EvidenceFile::At(int line) const { return line > 0 ? fmt::format("{}:{}", path, line) : path; }

void ThrowEvidenceError(const EvidenceFile& file, int line, const std::string& message) {
  throw EvidenceError(fmt::format("{}: {}", file.At(line), Printable(message)));
}

const Fact* FactBlock::Find(std::string_view key) const {
  for (const Fact& fact : facts) {
    if (fact.key == key) return &fact;
  }
  return nullptr;
}

std::vector<const Fact*> FactBlock::FindAll(std::string_view key) const {
  std::vector<const Fact*> found;
  for (const Fact& fact : facts) {
    if (fact.key == key) found.push_back(&fact);
  }
  return found;
}

std::string FactBlock::Value(std::string_view key) const {
  const Fact* fact = Find(key);
  return fact != nullptr ? fact->value : std::string();
}

FactFile FactFile::Parse(std::string_view text, const std::filesystem::path& path, std::string_view probe,
                         std::string_view block_key) {
  FactFile file;
  file.path = path.string();
  if (text.size() > kMostText) {
    ThrowEvidenceError(file, 0, fmt::format("{} bytes; a probe prints at most {}", text.size(), kMostText));
  }
  bool ended = false;
  int number = 0;
  for (std::string_view line : SplitLines(text)) {
    ++number;
    if (ended) ThrowEvidenceError(file, number, "there is text after the probe's last line");
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsKey(line.substr(0, colon))) {
      ThrowEvidenceError(file, number, "expected \"key: value\", found " + Quoted(line));
    }
    Fact fact{std::string(line.substr(0, colon)), std::string(Trim(line.substr(colon + 1))), number};
    if (fact.key == "end") {
      if (fact.value != probe) {
        ThrowEvidenceError(file, number,
                           fmt::format("expected the end of probe {}, found that of {}", probe, Quoted(fact.value)));
      }
      ended = true;
      continue;
    }
    if (!block_key.empty() && fact.key == block_key) file.blocks.push_back({number, {}});
    (file.blocks.empty() ? file.head : file.blocks.back()).facts.push_back(std::move(fact));
  }
  if (!ended) {
    ThrowEvidenceError(file, number,
                       fmt::format("cut short: the last line should be \"end: {}\"; the probe broke "
                                   "off, run it by hand on the node: remote/run-all.sh {}",
                                   probe, probe));
  }
  file.last_line = number;
  return file;
}

const Fact& FactFile::Require(const FactBlock& block, std::string_view key) const {
  const Fact* fact = block.Find(key);
  if (fact == nullptr) {
    std::string what = block.facts.empty() || block.line == 0
                           ? std::string("the probe")
                           : block.facts.front().key + " " + block.facts.front().value;
    ThrowEvidenceError(*this, block.line, fmt::format("{} has no fact \"{}\"", what, key));
  }
  return *fact;
}

uint64_t FactFile::ToHex(const Fact& fact, uint64_t most) const {
  std::string_view digits = fact.value;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  uint64_t value = 0;
  if (!Read(digits, &value, 16) || value > most) {
    ThrowEvidenceError(
        *this, fact.line,
        fmt::format("{}: expected a hexadecimal number up to {:#x}, found {}", fact.key, most, Quoted(fact.value)));
  }
  return value;
}

int64_t FactFile::ToInteger(const Fact& fact, int64_t least, int64_t most) const {
  int64_t value = 0;
  if (!Read(std::string_view(fact.value), &value, 10) || value < least || value > most) {
    ThrowEvidenceError(
        *this, fact.line,
        fmt::format("{}: expected a whole number from {} to {}, found {}", fact.key, least, most, Quoted(fact.value)));
  }
  return value;
}

PciAddress FactFile::ToAddress(const Fact& fact, std::string_view text) const {
  const auto address = PciAddress::Parse(text);
  if (!address) ThrowUnlike(fact, "a PCI address");
  return *address;
}

void FactFile::ThrowUnlike(const Fact& fact, std::string_view expected) const {
  ThrowEvidenceError(*this, fact.line,
                     fmt::format("{}: expected {}, found \"{}\"", fact.key, expected, fact.value.substr(0, 200)));
}

}  // namespace passthrough
