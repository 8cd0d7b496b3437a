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
// What the probe keeps (remote/probes/kernel_log.sh).
constexpr size_t kMostKept = 2 << 20;

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

void RequireTheBoot(const KernelLog& log, size_t size) {
  const auto first = FirstStamped(log);
  if (first == log.lines.end() || *first->seconds <= kLatestBegin) return;
  ThrowEvidenceError(
      log, first->line,
      fmt::format("the kernel's log begins at {:.0f} s after boot: {}", *first->seconds,
                  size >= kMostKept ? "only its last 2 MiB are kept, older lines are lost; look what fills it, "
                                      "and reboot the node"
                                    : "older lines are lost; boot with a larger log_buf_len, or make journalctl "
                                      "readable for the SSH user (group systemd-journal, or sudo without a "
                                      "password)"));
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
  RequireTheBoot(log, text.size());
  return log;
}

std::vector<const KernelLogLine*> KernelLog::Containing(std::string_view phrase) const {
  std::vector<const KernelLogLine*> found;
  for (const KernelLogLine& line : lines) {
    if (line.text.find(phrase) != std::string::npos) found.push_back(&line);
  }
  return found;
}

}  // namespace passthrough
