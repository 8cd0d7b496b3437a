// The form in which most probes print facts: one "key: value" a line, and "end: <probe>" last, so
// that a text that was cut short is noticed. See remote/README.md.
#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/pci_address.h"

namespace passthrough {

// Which file a parsed text came from. Base of every parsed evidence, so that messages can name
// lines.
struct EvidenceFile {
  std::string path;  // relative to the run directory: "evidence/hpc_compute_01/pci.txt"

  // "evidence/hpc_compute_01/pci.txt:14"; the path alone where `line` is 0.
  std::string At(int line) const;
};

// Throws EvidenceError "<path>:<line>: <message>"; what came from a node in `message` is made
// printable.
[[noreturn]] void ThrowEvidenceError(const EvidenceFile& file, int line, const std::string& message);

struct Fact {
  std::string key;    // lower-case letters, digits and '_'
  std::string value;  // the rest of the line without white space at its ends; may be empty
  int line = 0;       // counts from 1
};

// Facts that belong together: one device, one file, one module.
struct FactBlock {
  int line = 0;  // of its first fact; 0 for the facts before the first block
  std::vector<Fact> facts;

  // The first fact of that key, or nullptr.
  const Fact* Find(std::string_view key) const;
  // All facts of that key, in order.
  std::vector<const Fact*> FindAll(std::string_view key) const;
  // Its value; empty where there is none.
  std::string Value(std::string_view key) const;
};

struct FactFile : EvidenceFile {
  FactBlock head;                 // what stands before the first block
  std::vector<FactBlock> blocks;  // each begins with a fact whose key is `block_key`
  int last_line = 0;              // where it says "end"

  // Throws EvidenceError with path and line: a line that is no fact, a missing or early "end:
  // <probe>", or a text larger than any probe may print. A block begins at each fact with the key
  // `block_key` (none where that is empty).
  static FactFile Parse(std::string_view text, const std::filesystem::path& path, std::string_view probe,
                        std::string_view block_key = {});

  // The fact of `block`. Throws EvidenceError, naming the block's line, where it is missing.
  const Fact& Require(const FactBlock& block, std::string_view key) const;
  // The value of `fact` as a whole number in [least, most], in hex with or without "0x" (ToHex) or
  // in decimal (ToInteger). Throws EvidenceError with the fact's line.
  uint64_t ToHex(const Fact& fact, uint64_t most) const;
  int64_t ToInteger(const Fact& fact, int64_t least, int64_t most) const;
  // `text`, of the value of `fact`, as a PCI address. Throws EvidenceError with the fact's line.
  PciAddress ToAddress(const Fact& fact, std::string_view text) const;
  // Throws EvidenceError with the fact's line: it has something else than `expected`.
  [[noreturn]] void ThrowUnlike(const Fact& fact, std::string_view expected) const;
};

// Whether all of `text` is a number, which is put into `number`.
template <typename Number>
bool ReadWhole(std::string_view text, Number* number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace passthrough
