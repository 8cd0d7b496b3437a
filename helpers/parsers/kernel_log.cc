#include "helpers/parsers/kernel_log.h"

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
  if (log.lines.empty()) {
    ThrowEvidenceError(log, 0,
                       "the kernel's log is empty: it could not be read (it may be for root alone: "
                       "let the SSH user run sudo without a password, or set "
                       "kernel.dmesg_restrict=0 on the node)");
  }
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
