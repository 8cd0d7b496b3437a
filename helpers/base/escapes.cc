#include "helpers/base/escapes.h"

#include <algorithm>

namespace passthrough {
namespace {

constexpr char kEscape = '\x1b';

bool IsIn(char c, char first, char last) { return c >= first && c <= last; }

// The length of the sequence at the start of `text`, which begins with ESC; 0 where it is none, or has no end.
size_t SequenceLength(std::string_view text) {
  if (text.size() < 2) return 0;
  const char kind = text[1];
  if (kind == '[') {  // CSI: parameters, intermediates, a final byte
    size_t at = 2;
    while (at < text.size() && IsIn(text[at], 0x30, 0x3f)) ++at;
    while (at < text.size() && IsIn(text[at], 0x20, 0x2f)) ++at;
    return at < text.size() && IsIn(text[at], 0x40, 0x7e) ? at + 1 : 0;
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {  // OSC, DCS, SOS, PM, APC
    const std::string_view line = text.substr(0, text.find('\n'));
    const size_t bell = line.find('\a');
    const size_t terminator = line.find("\x1b\\", 2);
    if (bell != std::string_view::npos && bell < terminator) return bell + 1;
    return terminator == std::string_view::npos ? 0 : terminator + 2;
  }
  size_t at = 1;  // ESC, intermediates, a final byte: such as a choice of character set
  while (at < text.size() && IsIn(text[at], 0x20, 0x2f)) ++at;
  return at < text.size() && IsIn(text[at], 0x30, 0x7e) ? at + 1 : 0;
}

}  // namespace

std::string WithoutEscapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const size_t escape = text.find(kEscape);
    plain += text.substr(0, escape);
    if (escape == std::string_view::npos) break;
    text.remove_prefix(escape);
    const size_t length = SequenceLength(text);
    if (length == 0) plain += kEscape;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return plain;
}

}  // namespace passthrough
