#include "helpers/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace passthrough {
namespace {

constexpr std::string_view kBlank = " \t\r\n\v\f";

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629, 4).
size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : (lead & 0xf0) == 0xe0        ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool too_large = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

// What reorders or breaks the text around it, so that a reader sees other words than were written:
// the marks and embeddings of Unicode's UAX #9 (2.1 to 2.6), the separators U+2028 and U+2029, and a
// byte order mark.
bool ReordersText(std::string_view sequence) {
  if (sequence == "\xd8\x9c" || sequence == "\xef\xbb\xbf") return true;
  if (sequence.size() != 3) return false;
  const auto last = static_cast<unsigned char>(sequence[2]);
  if (sequence.starts_with("\xe2\x80")) {
    return last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae);
  }
  return sequence.starts_with("\xe2\x81") && last >= 0xa6 && last <= 0xa9;
}

// U+0080 to U+009F are controls too, and U+FFFE and U+FFFF are not characters of XML 1.0.
bool IsUnprintableSequence(std::string_view sequence) {
  if (sequence.size() == 1) {
    const auto c = static_cast<unsigned char>(sequence[0]);
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  }
  if (sequence.size() == 2 && sequence[0] == '\xc2') {
    return static_cast<unsigned char>(sequence[1]) < 0xa0;
  }
  return sequence == "\xef\xbf\xbe" || sequence == "\xef\xbf\xbf" || ReordersText(sequence);
}

}  // namespace

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const std::string_view sequence = text.substr(0, std::max<size_t>(length, 1));
    if (length == 0 || IsUnprintableSequence(sequence)) {
      for (const char c : sequence) {
        printable += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      printable += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return printable;
}

std::string PrintableLine(std::string_view text) {
  std::string line = Printable(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string Shortened(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  size_t kept = most;
  while (kept > 0 && (static_cast<unsigned char>(text[kept]) & 0xc0) == 0x80 && most - kept < 3) --kept;
  return fmt::format("{}… ({} more)", text.substr(0, kept), Count(text.size() - kept, "byte"));
}

std::string LastLines(std::string_view text, int count) {
  const auto lines = SplitLines(text);
  const size_t first = lines.size() > static_cast<size_t>(count) ? lines.size() - count : 0;
  std::string last;
  for (size_t i = first; i < lines.size(); ++i) {
    if (!last.empty()) last += '\n';
    last += lines[i];
  }
  return last;
}

std::string JoinForHumans(const std::vector<std::string>& items) {
  std::string joined;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) joined += i + 1 == items.size() ? " and " : ", ";
    joined += items[i];
  }
  return joined;
}

std::string HumanSeconds(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  return fmt::format("{} min {} s", whole / 60, whole % 60);
}

std::string Count(size_t number, std::string_view singular) {
  return fmt::format("{} {}{}", number, singular, number == 1 ? "" : "s");
}

}  // namespace passthrough
