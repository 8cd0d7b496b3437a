#include "helpers/run/host_status.h"

#include <chrono>

#include "helpers/base/error.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kLimit{30};
constexpr int kSaysDown = 1;

}  // namespace

bool HostIsKnownDown(const std::vector<std::string>& status_command) {
  if (status_command.empty()) return false;
  try {
    const ChildResult said = RunChild(status_command, {}, Deadline::After(kLimit).Uninterruptible());
    return !said.timed_out && said.signal == 0 && said.exit_status == kSaysDown;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace passthrough
