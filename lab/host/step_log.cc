#include "lab/host/step_log.h"

#include <fmt/format.h>

#include <cstdio>

#include "helpers/base/deadline.h"

namespace passthrough {

double StepLog::Seconds() const { return SecondsSince(started_); }

void StepLog::Say(std::string_view text) const {
  if (quiet_) return;
  fmt::print("[{:5.1f} s] {}\n", Seconds(), text);
  std::fflush(stdout);
}

}  // namespace passthrough
