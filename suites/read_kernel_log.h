// The kernel log of a node, where it could be read.
#pragma once

#include <fmt/format.h>

#include "helpers/base/text.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/parsers/kernel_log.h"

namespace passthrough {

// Throws EvidenceError, with what dmesg said, where it failed: a log that was not read proves nothing.
inline KernelLog ReadKernelLog(const ProbeOutput& output) {
  if (output.exit_status == 0) return KernelLog::Parse(output.text, output.path);
  const std::string said(Trim(LastLines(output.error_text, 1)));
  throw EvidenceError(fmt::format(
      "{}: the kernel's log could not be read: dmesg ended with exit status {}{}{}. Let the SSH user run sudo "
      "without a password, or set kernel.dmesg_restrict=0 on the node.",
      output.path.string(), output.exit_status, said.empty() ? "" : ": ", Printable(said)));
}

}  // namespace passthrough
