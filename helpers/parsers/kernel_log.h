// What the probe "kernel_log" printed: the kernel's ring buffer as "dmesg -r" shows it, or the journal's lines of the
// kernel where that buffer had lost its first ones.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/parsers/fact_file.h"

namespace passthrough {

struct KernelLogLine {
  std::optional<double> seconds;  // since boot; absent where the line has no time stamp
  std::string text;  // without level, time stamp and the journal's "host kernel: "; bytes as the node sent them
  int line = 0;
  // Severity, 0 (emergency) to 7 (debug), of the raw form's "<3>" (Documentation/ABI/testing/dev-kmsg); absent in the
  // journal's form and in dmesg's own.
  std::optional<int> level = {};
};

struct KernelLog : EvidenceFile {
  static constexpr char kProbe[] = "kernel_log";

  std::vector<KernelLogLine> lines;
  // Where the boot's first lines are not there any more: when what is left begins, and its line.
  std::optional<double> begins_at = {};
  int begins_line = 0;
  // What the probe left out of a log that is too long: "812 lines, 1 MiB"; empty: nothing.
  std::string left_out = {};
  int left_out_line = 0;

  // Never fails on a line's form. Throws EvidenceError where there is no line at all: a running kernel has a log, so
  // an empty one was not readable.
  static KernelLog Parse(std::string_view text, const std::filesystem::path& path);

  // Lines that contain `phrase`, exactly as written.
  std::vector<const KernelLogLine*> Containing(std::string_view phrase) const;

  // What came after `earlier`, a log of the same boot. Where the lines have no time stamps, the same number of lines is
  // skipped. Never an error: it may have no lines.
  KernelLog Since(const KernelLog& earlier) const;
};

}  // namespace passthrough
