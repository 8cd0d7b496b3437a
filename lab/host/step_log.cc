#include "lab/host/step_log.h"

#include <fmt/format.h>

#include <cstdio>

namespace passthrough {

double StepLog::Seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

void StepLog::Say(std::string_view text) const {
  if (quiet_) return;
  fmt::print("[{:5.1f} s] {}\n", Seconds(), text);
  std::fflush(stdout);
}

}  // namespace passthrough
