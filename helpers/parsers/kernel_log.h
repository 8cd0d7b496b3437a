// What the probe "kernel_log" printed: the kernel's ring buffer as dmesg shows it, or the journal's lines of the
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
  std::string text;               // without the time stamp and the journal's "host kernel: "; bytes as the node sent them
  int line = 0;
};

struct KernelLog : EvidenceFile {
  std::vector<KernelLogLine> lines;

  // Never fails on a line's form. Throws EvidenceError where there is no line at all: a running
  // kernel has a log, so an empty one was not readable. The same where the first time stamp is later than 60 s
  // after boot: lines were lost, and what is left proves nothing of them.
  static KernelLog Parse(std::string_view text, const std::filesystem::path& path);

  // Lines that contain `phrase`, exactly as written.
  std::vector<const KernelLogLine*> Containing(std::string_view phrase) const;
};

}  // namespace passthrough
