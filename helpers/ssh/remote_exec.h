// A way to run a command on a node: SshSession::Exec, or this machine's shell in tests.
#pragma once

#include <functional>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// As SshSession::Exec.
using RemoteExec =
    std::function<ExecResult(const std::string& command, const ExecOptions& options, const Deadline& deadline)>;

}  // namespace passthrough
