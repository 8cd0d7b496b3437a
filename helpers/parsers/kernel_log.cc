#include "helpers/parsers/kernel_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// "[    1.234567] text": takes the stamp off `line`.
std::optional<double> TakeStamp(std::string_view* line) {
  if (!line->starts_with('[')) return std::nullopt;
  size_t close = line->find(']');
  if (close == std::string_view::npos || close > 32) return std::nullopt;
  std::string_view stamp = Trim(line->substr(1, close - 1));
  double seconds = 0;
  const char* end = stamp.data() + stamp.size();
  auto [rest, error] = std::from_chars(stamp.data(), end, seconds, std::chars_format::fixed);
  if (error != std::errc() || rest != end) return std::nullopt;
  line->remove_prefix(close + 1);
  if (line->starts_with(' ')) line->remove_prefix(1);
  return seconds;
}

// A boot is logged from its first moment on. Later, and the oldest lines were pushed out of the ring buffer.
constexpr double kLatestBegin = 60;  // seconds after boot
// The kernel's first line of a boot (init/main.c, linux_banner).
constexpr std::string_view kBanner = "Linux version ";
// What the probe writes in the place of lines that it leaves out (remote/probes/kernel_log.sh).
constexpr std::string_view kLeftOut = "kernel_log: left out ";

// "<3>[    1.5] text": takes the level off `line`. The number also has the facility, in the bits above.
std::optional<int> TakeLevel(std::string_view* line) {
  if (!line->starts_with('<')) return std::nullopt;
  const size_t close = line->find('>');
  if (close == std::string_view::npos || close < 2 || close > 4) return std::nullopt;
  int number = 0;
  const char* const end = line->data() + close;
  const auto [rest, error] = std::from_chars(line->data() + 1, end, number);
  if (error != std::errc() || rest != end || number < 0) return std::nullopt;
  line->remove_prefix(close + 1);
  return number & 7;
}

// Where the text of a line of "journalctl -k" begins, behind "host kernel: "; 0 where it is none.
size_t JournalPrefix(std::string_view text) {
  constexpr std::string_view kKernel = " kernel: ";
  const size_t space = text.find(' ');
  if (space == 0 || space == std::string_view::npos || !text.substr(space).starts_with(kKernel)) return 0;
  return space + kKernel.size();
}

// What comes before it, if anything, is the rest of a line that was cut.
std::vector<KernelLogLine>::const_iterator FirstStamped(const KernelLog& log) {
  return std::find_if(log.lines.begin(), log.lines.end(),
                      [](const KernelLogLine& line) { return line.seconds.has_value(); });
}

// Notes where the boot is not in `log`. A ring buffer that wrapped within the first minute still begins early, and
// without the banner.
void FindTheBegin(KernelLog& log) {
  const auto first = FirstStamped(log);
  if (first == log.lines.end() || *first->seconds <= 0) return;
  const bool has_banner = std::any_of(log.lines.begin(), log.lines.end(),
                                      [](const KernelLogLine& line) { return line.text.starts_with(kBanner); });
  if (has_banner && *first->seconds <= kLatestBegin) return;
  log.begins_at = *first->seconds;
  log.begins_line = first->line;
}

}  // namespace

KernelLog KernelLog::Parse(std::string_view text, const std::filesystem::path& path) {
  KernelLog log;
  log.path = path.string();
  int number = 0;
  for (std::string_view line : SplitLines(text)) {
    ++number;
    KernelLogLine entry;
    entry.line = number;
    if (line.starts_with(kLeftOut)) {
      log.left_out = line.substr(kLeftOut.size());
      log.left_out_line = number;
      continue;
    }
    entry.level = TakeLevel(&line);
    entry.seconds = TakeStamp(&line);
    entry.text = line;
    if (!line.empty()) log.lines.push_back(std::move(entry));
  }
  // A log is the journal's as a whole or not at all: what a driver's own text looks like does not count.
  const auto first = FirstStamped(log);
  if (first != log.lines.end() && JournalPrefix(first->text) > 0) {
    for (KernelLogLine& one : log.lines) one.text.erase(0, JournalPrefix(one.text));
  }
  if (log.lines.empty()) {
    ThrowEvidenceError(log, 0,
                       "the kernel's log is empty: it could not be read (it may be for root alone: "
                       "let the SSH user run sudo without a password, or set "
                       "kernel.dmesg_restrict=0 on the node)");
  }
  FindTheBegin(log);
  return log;
}

std::vector<const KernelLogLine*> KernelLog::Containing(std::string_view phrase) const {
  std::vector<const KernelLogLine*> found;
  for (const KernelLogLine& line : lines) {
    if (line.text.find(phrase) != std::string::npos) found.push_back(&line);
  }
  return found;
}

KernelLog KernelLog::Since(const KernelLog& earlier) const {
  KernelLog later;
  later.path = path;
  const auto last = std::find_if(earlier.lines.rbegin(), earlier.lines.rend(),
                                 [](const KernelLogLine& line) { return line.seconds; });
  auto begin = lines.begin();
  if (last == earlier.lines.rend()) {
    begin += static_cast<std::ptrdiff_t>(std::min(lines.size(), earlier.lines.size()));
  } else {
    begin = std::find_if(lines.begin(), lines.end(),
                         [&](const KernelLogLine& line) { return line.seconds && *line.seconds > *last->seconds; });
    // What is left begins after what was there before: lines between were lost.
    if (begins_at && *begins_at > *last->seconds) {
      later.begins_at = begins_at;
      later.begins_line = begins_line;
    }
  }
  later.lines.assign(begin, lines.end());
  later.left_out = left_out;
  later.left_out_line = left_out_line;
  return later;
}

}  // namespace passthrough
