#include "helpers/rundir/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "helpers/base/deadline.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kRedraw{250};
constexpr size_t kMostOfLine = 4096;  // bytes that are read: a line may be endless
constexpr seconds kStillAtIt{30};     // plain lines: say that we are alive this often

bool IsTerminal(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(out)) != 0 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

size_t TerminalColumns(std::FILE* out) {
  winsize size{};
  const bool known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
  return known ? size.ws_col : 80;
}

// The first line of `text`, safe to show, no wider than `most` bytes; where it was cut, not inside a character, it ends
// in "…", which is one column wide.
std::string OneLine(std::string_view text, size_t most) {
  std::string line = Printable(text.substr(0, std::min(text.find('\n'), kMostOfLine)));
  std::replace(line.begin(), line.end(), '\t', ' ');  // a tab's width is the terminal's matter
  if (line.size() <= most) return line;
  --most;
  while (most > 0 && (static_cast<unsigned char>(line[most]) & 0xc0) == 0x80) --most;
  return line.substr(0, most) + "…";
}

// " [####----] 8 s left"; what takes longer than it did is not promised an end.
std::string Bar(double passed, double expected) {
  constexpr size_t kWidth = 10;
  if (expected < 1 || passed >= expected) return {};
  const auto done = static_cast<size_t>(passed / expected * kWidth);
  const double left = std::ceil(expected - passed);
  return fmt::format(" [{}{}] about {} left", std::string(done, '#'), std::string(kWidth - done, '-'),
                     left < 60 ? fmt::format("{:.0f} s", left) : HumanSeconds(left));
}

}  // namespace

Progress::Progress(std::FILE* out, bool verbose) : out_(out), terminal_(IsTerminal(out)), verbose_(verbose) {
  ticker_ = std::jthread([this](const std::stop_token& stop) { Tick(stop); });
}

Progress::~Progress() {
  ticker_.request_stop();
  ticker_.join();
  const std::lock_guard lock(mutex_);
  Erase();
}

void Progress::Begin(std::string_view step, double expected_seconds) {
  const std::lock_guard lock(mutex_);
  Erase();
  step_ = step;
  detail_.clear();
  expected_seconds_ = expected_seconds;
  step_started_ = Clock::now();
  if (terminal_) {
    Draw();
  } else {
    Print(step_ + " …");
  }
}

void Progress::Say(std::string_view detail) {
  const std::lock_guard lock(mutex_);
  detail_ = OneLine(detail, 200);
  if (verbose_) Print("  " + detail_);
  if (terminal_) Draw();
}

double Progress::End(std::string_view result) {
  const std::lock_guard lock(mutex_);
  const double took = step_.empty() ? 0 : SecondsSince(step_started_);
  step_.clear();
  detail_.clear();
  Print(fmt::format("{} ({})", result, HumanSeconds(took)));
  return took;
}

void Progress::Line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  Print(text);
  if (terminal_) Draw();
}

void Progress::Tick(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    changed_.wait_for(lock, stop, kRedraw, [] { return false; });
    if (step_.empty() || stop.stop_requested()) continue;
    if (terminal_) {
      Draw();
    } else if (Clock::now() - last_line_ >= kStillAtIt) {
      const std::string at = detail_.empty() ? "" : ": " + detail_;
      Print(fmt::format("{} … for {} so far{}", step_, HumanSeconds(SecondsSince(step_started_)), at));
    }
  }
}

void Progress::Draw() {
  if (step_.empty()) return;
  // The clock of the lines above it.
  const std::string line =
      fmt::format("[{:6.1f} s] {} …{}{}{}", SecondsSince(started_), step_,
                  Bar(SecondsSince(step_started_), expected_seconds_), detail_.empty() ? "" : "  ", detail_);
  // Erases to the end of the line (ECMA-48, EL) after writing, so that nothing flickers.
  Write(fmt::format("\r{}\x1b[K", OneLine(line, TerminalColumns(out_) - 1)));
  drawn_ = true;
}

void Progress::Erase() {
  if (!drawn_) return;
  Write("\r\x1b[K");
  drawn_ = false;
}

// Not fmt::print, which throws where nothing can be written.
void Progress::Write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
  std::clearerr(out_);
}

void Progress::Print(std::string_view text) {
  Erase();
  Write(fmt::format("[{:6.1f} s] {}\n", SecondsSince(started_), Printable(text)));
  last_line_ = Clock::now();
}

}  // namespace passthrough
