// Runs a node's command on this machine: in place of SSH where SSH is not what is tested.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

struct LocalShell {
  std::vector<std::string> shell = {"sh", "-c"};   // the command is put behind
  std::map<std::string, std::string> environment;  // added to, or in place of, this process's
  // Called with the process id of the shell, which leads a session and a process group, once it runs.
  std::function<void(pid_t)> on_start;
};

// As SshSession::Exec. At the deadline the shell's process group is killed and TimeoutError thrown.
ExecResult ExecHere(const LocalShell& shell, const std::string& command, const ExecOptions& options,
                    const Deadline& deadline);

// Processes of this machine with `variable` ("NAME=value") in their environment: those that a test
// started and all that came of them. Zombies do not count.
std::vector<pid_t> ProcessesWith(const std::string& variable);

// A directory with "sh" as a link to `program`, for a PATH in which sh is that shell.
void LinkAsSh(const std::filesystem::path& directory, const std::filesystem::path& program);

}  // namespace passthrough
