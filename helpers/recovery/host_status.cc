#include "helpers/recovery/host_status.h"

#include <chrono>

#include "helpers/base/error.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kLimit{30};
constexpr int kSaysDown = 1;

}  // namespace

HostState AskForHostState(const std::vector<std::string>& status_command) {
  if (status_command.empty()) return HostState::kUnknown;
  try {
    const ChildResult said = RunChild(status_command, {}, Deadline::After(kLimit).Uninterruptible());
    if (said.Succeeded()) return HostState::kUp;
    const bool says_down = !said.timed_out && said.signal == 0 && said.exit_status == kSaysDown;
    return says_down ? HostState::kDown : HostState::kUnknown;
  } catch (const Error&) {
    return HostState::kUnknown;
  }
}

}  // namespace passthrough
