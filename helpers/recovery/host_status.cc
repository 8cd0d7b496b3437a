#include "helpers/recovery/host_status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
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

void RequireHostPrograms(const Profile& profile) {
  std::set<std::string> programs;
  const auto add = [&](const std::vector<std::string>& command) {
    if (!command.empty() && command[0].find('/') != std::string::npos) programs.insert(command[0]);
  };
  if (profile.host) {
    for (const auto& command : {profile.host->status, profile.host->up, profile.host->down}) add(command);
  }
  std::vector<std::string> problems;
  for (const std::string& program : programs) {
    if (std::filesystem::exists(program)) continue;
    const bool is_lab = std::filesystem::path(program).filename() == "passthrough-lab";
    problems.push_back(fmt::format("{}: no such program, and the profile {} brings its host up with it{}",
                                   Printable(program), profile.name,
                                   is_lab ? ". Install the lab (the package pcie-passthrough-lab), or check this "
                                            "machine's own devices: --profile host"
                                          : ""));
  }
  if (!problems.empty()) throw Error(fmt::format("{}", fmt::join(problems, "\n")));
}

}  // namespace passthrough
