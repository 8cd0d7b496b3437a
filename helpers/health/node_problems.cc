#include "helpers/health/node_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr int64_t kLeastFreeKib = 1024;
constexpr int64_t kClockTolerance = 120;  // seconds
constexpr double kFirmwareSeconds = 300;
constexpr size_t kMostQuoted = 200;

// What only the beginning of a boot prints. A kernel with few messages ("quiet") prints no version; the
// last is of the lab's nodes.
constexpr std::array<std::string_view, 3> kBootBegins{"Linux version ", "Welcome to GRUB", "node: init after"};

// What the kernel says before an orderly end (kernel/reboot.c).
constexpr std::array<std::string_view, 3> kOrderlyEnds{"reboot: Restarting system", "reboot: Power down",
                                                       "reboot: System halted"};

// A program's own "traps: prog[12] general protection fault ip:…" is none (arch/x86/kernel/traps.c).
constexpr std::array<std::string_view, 17> kPanics{"Kernel panic - not syncing",
                                                   "Oops:",
                                                   "BUG: unable to handle",
                                                   "BUG: kernel NULL pointer dereference",
                                                   "general protection fault:",
                                                   "general protection fault, ",
                                                   "kernel BUG at",
                                                   "Unable to handle kernel",
                                                   "Internal error: ",
                                                   "BUG: scheduling while atomic",
                                                   "detected buffer overflow in ",
                                                   "PANIC: double fault",
                                                   "kernel stack overflow",
                                                   "Fixing recursive fault",
                                                   "Bad mode in ",
                                                   " [#1] ",
                                                   " [#2] "};

// What the kernel's watchdogs say (kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/hung_task.c).
constexpr std::array<std::string_view, 8> kLateProcessors{
    "non-responsive CSD lock", "BUG: soft lockup - ",          "detected hard LOCKUP", "self-detected stall",
    "detected stalls on",      "detected expedited stalls on", "kthread starved for",  "BUG: workqueue lockup"};
constexpr std::array<std::string_view, 2> kHungTasks{"blocked for more than ", "blocked in I/O wait for more than "};

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <size_t kCount>
bool HasAny(std::string_view text, const std::array<std::string_view, kCount>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return Has(text, part); });
}

// The first line with any of `phrases`, and how many have one.
template <size_t kCount>
Findings ProblemOfLog(const KernelLog& log, const std::array<std::string_view, kCount>& phrases,
                      const std::string& what, const std::string& advice) {
  const KernelLogLine* first = nullptr;
  size_t count = 0;
  for (const KernelLogLine& line : log.lines) {
    if (!HasAny(line.text, phrases)) continue;
    if (++count == 1) first = &line;
  }
  if (first == nullptr) return {};
  const std::string more = count == 1 ? "" : fmt::format(", the first of {} such lines", count);
  return {{fmt::format("{}: its kernel log says \"{}\"{}", what, Trim(first->text).substr(0, kMostQuoted), more),
           log.At(first->line), advice}};
}

// "rtc_cmos 00:04: setting system clock to 2026-11-22T16:43:31 UTC (1795365811)", drivers/rtc/class.c.
std::optional<double> ClockAtBoot(const KernelLog& log) {
  for (const KernelLogLine* line : log.Containing("setting system clock to")) {
    const size_t open = line->text.rfind('(');
    if (!line->seconds || open == std::string::npos) continue;
    int64_t epoch = 0;
    const char* const end = line->text.data() + line->text.size();
    if (std::from_chars(line->text.data() + open + 1, end, epoch).ec != std::errc()) continue;
    return static_cast<double>(epoch) - *line->seconds;
  }
  return std::nullopt;
}

// "[    1.234567] text": the stamp is not that of the kernel's first moment, which every boot has alike.
bool HasLaterStamp(std::string_view line) {
  const size_t open = line.find('[');
  const size_t close = line.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const std::string_view stamp = Trim(line.substr(open + 1, close - open - 1));
  return stamp.find('.') != std::string_view::npos &&
         stamp.find_first_not_of("0123456789.") == std::string_view::npos &&
         stamp.find_first_not_of("0.") != std::string_view::npos;
}

// The line `again`, which begins a boot, begins the log of line `first` once more: a console that is registered gets
// what was logged so far, of which an early console ("earlyprintk", "earlycon") has shown it already
// (kernel/printk/printk.c, CON_PRINTBUFFER). Another boot has other time stamps.
bool IsReplay(const std::vector<std::string_view>& lines, size_t first, size_t again) {
  std::set<std::string_view> stamped;
  for (size_t i = first; i < again; ++i) {
    if (HasLaterStamp(lines[i])) stamped.insert(Trim(lines[i]));
  }
  if (stamped.empty()) return true;
  size_t repeated = 0;
  for (size_t i = again; i < lines.size() && i <= again + 4 * (again - first); ++i) {
    repeated += stamped.erase(Trim(lines[i]));
  }
  return repeated > stamped.size();  // of the last ones, some may have been lost
}

std::string Off(int64_t seconds) {
  return fmt::format("{} {}", HumanSeconds(static_cast<double>(std::abs(seconds))), seconds > 0 ? "ahead" : "behind");
}

}  // namespace

Findings ReadOnlyProblems(const IdentityEvidence& identity) {
  if (!identity.root_read_only.value_or(false)) return {};
  return {{"its root file system is read-only", identity.At(identity.root_line),
           "The kernel does that after an error of the disk: look for I/O errors in its kernel log and at "
           "the space of the storage pool on the host; what other checks say of this node may follow from "
           "it."}};
}

Findings DiskFullProblems(const IdentityEvidence& identity) {
  Findings problems;
  const auto require_space = [&](const std::string& what, const std::optional<int64_t>& free, int line) {
    if (!free || *free >= kLeastFreeKib) return;
    problems.push_back({fmt::format("{} has {} KiB free, expected {} at least", what, *free, kLeastFreeKib),
                        identity.At(line),
                        "Free some: what the probes print may be cut short, so what other checks say of "
                        "this node may follow from it."});
  };
  require_space("its root file system", identity.root_free_kib, identity.root_free_line);
  require_space("the file system of its temporary files", identity.tmp_free_kib, identity.tmp_line);
  return problems;
}

Findings ClockProblems(const IdentityEvidence& identity, const CollectionTime& collected) {
  const int64_t now = identity.epoch_seconds;
  int64_t off = 0;
  if (now < collected.began - kClockTolerance) off = now - collected.began;
  if (now > collected.ended + kClockTolerance) off = now - collected.ended;
  if (off == 0) return {};
  return {{fmt::format("its clock is {}", Off(off)), identity.At(identity.epoch_line),
           "Set it (chronyc makestep): certificates, logs and schedulers go wrong with it. Where the VM was "
           "paused, saved or restored, its clock stood still meanwhile."}};
}

Findings ClockJumpProblems(const IdentityEvidence& identity, const KernelLog& log) {
  const std::optional<double> at_boot = ClockAtBoot(log);
  if (!at_boot) return {};
  const double expected = *at_boot + identity.uptime_seconds;
  const auto off = static_cast<int64_t>(std::llround(static_cast<double>(identity.epoch_seconds) - expected));
  if (std::abs(off) <= kClockTolerance) return {};
  return {{fmt::format("its clock was set since its boot: it is {} by that", Off(off)),
           identity.At(identity.epoch_line),
           "Look who sets it: a time service with another source, or someone by hand."}};
}

Findings ConsoleProblems(std::string_view console, const std::string& path) {
  Findings problems;
  const std::vector<std::string_view> lines = SplitLines(console);
  size_t begin = 0;  // of the kernel's log that goes on
  std::array<bool, kBootBegins.size()> begun{};
  std::array<bool, kBootBegins.size()> orderly{};
  // Each mark comes once a boot, so each counts alone and the highest count is right.
  std::array<size_t, kBootBegins.size()> counts{};
  size_t unexpected = 0;
  int unexpected_line = 0;
  int number = 0;
  for (const std::string_view line : lines) {
    ++number;
    if (Has(line, kBootBegins[0])) {
      const auto here = static_cast<size_t>(number) - 1;
      if (begun[0] && IsReplay(lines, begin, here)) continue;
      begin = here;
    }
    if (problems.empty() && HasAny(line, kPanics)) {
      problems.push_back({fmt::format("its kernel crashed: its console says \"{}\"", Trim(line).substr(0, kMostQuoted)),
                          fmt::format("{}:{}", path, number),
                          "Read the lines before; on_crash=restart in the domain's XML hides crashes."});
    }
    if (HasAny(line, kOrderlyEnds)) orderly.fill(true);
    for (size_t i = 0; i < kBootBegins.size(); ++i) {
      if (!Has(line, kBootBegins[i])) continue;
      const bool is_unexpected = begun[i] && !orderly[i];
      begun[i] = true;
      orderly[i] = false;
      if (!is_unexpected || ++counts[i] <= unexpected) continue;
      unexpected = counts[i];
      unexpected_line = number;
    }
  }
  if (unexpected > 0) {
    problems.push_back({fmt::format("it began anew {} without having been shut down, as its console shows",
                                    unexpected == 1 ? "once" : fmt::format("{} times", unexpected)),
                        fmt::format("{}:{}", path, unexpected_line),
                        "It was reset, or it crashed and on_crash=restart started it again: read the "
                        "console's lines before, and the domain's QEMU log on the host."});
  }
  return problems;
}

Findings OopsProblems(const KernelLog& log) {
  return ProblemOfLog(log, kPanics, "its kernel crashed, and went on without what crashed",
                      "The lines after it name the module and its calls. What the crashed code held stays locked until "
                      "a reboot, so what other checks say of this node may follow from it.");
}

Findings StallProblems(const KernelLog& log) {
  Findings problems = ProblemOfLog(
      log, kHungTasks, "a task hangs in its kernel",
      "The lines after it name what it waits for: where they name the driver of a GPU, that GPU does not answer; where "
      "they name a file system, look at the storage pool on the host.");
  for (Finding& problem :
       ProblemOfLog(log, kLateProcessors, "a processor of it did nothing else for long, or did not run",
                    "Look at the host first: more virtual processors than it has real ones, or memory that it swaps. "
                    "Where the lines after it name the driver of a GPU, it waits for a device that does not answer.")) {
    problems.push_back(std::move(problem));
  }
  return problems;
}

Findings UptimeProblems(const IdentityEvidence& identity, double seconds_since_deployed) {
  if (identity.uptime_seconds + kFirmwareSeconds >= seconds_since_deployed) return {};
  return {{fmt::format("it is up for {}, though it was deployed {} ago", HumanSeconds(identity.uptime_seconds),
                       HumanSeconds(seconds_since_deployed)),
           identity.At(identity.uptime_line),
           "It booted again since then: read its console, and look whether on_crash=restart hides crashes."}};
}

}  // namespace passthrough
