#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "helpers/base/error.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "lab/host/commands.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_nodes.h"
#include "lab/host/lab_start.h"

namespace passthrough {
namespace {

constexpr char kLabHost[] = "lab-host";

// A node's host key is made with its image and says nothing; the way there is through the lab host,
// whose key is pinned.
std::vector<std::string> NodeOptions(const std::string& address, const LabRecord& record) {
  return {"-o", std::string("ProxyJump=") + kLabHost,
          "-o", "HostName=" + address,
          "-o", "User=admin",
          "-o", fmt::format("IdentityFile=\"{}\"", LabKey(record).string()),
          "-o", "IdentitiesOnly=yes",
          "-o", "UserKnownHostsFile=/dev/null",
          "-o", "StrictHostKeyChecking=no",
          "-o", "LogLevel=ERROR"};
}

[[noreturn]] void Become(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  throw Error(fmt::format("cannot run {}: {} (install the package openssh-client)", command[0], strerror(errno)));
}

}  // namespace

int RunSsh(const CommandLine& line) {
  const LabPaths paths(LabDirectoryOf(line));
  const std::optional<LabRecord> record = ReadLabRecord(paths);
  if (!record || record->phase != LabPhase::kUp || !MachineRuns(*record)) {
    throw Error(fmt::format("no lab is up in {}; to start one, with a cluster file in place of FILE: {}",
                            paths.directory.string(),
                            LabCommand({"up", "--lab-dir", paths.directory.string(), "FILE"})));
  }
  const std::string to = line.arguments.empty() ? kLabHost : line.arguments[0];
  std::vector<std::string> command = {"ssh", "-F", paths.ssh_config().string()};
  if (to != kLabHost) {
    for (auto& option : NodeOptions(WaitForNode(to, paths, *record), *record)) command.push_back(option);
  }
  command.push_back("--");
  command.push_back(to);
  command.insert(command.end(), line.passed_on.begin(), line.passed_on.end());
  Become(command);
}

}  // namespace passthrough
