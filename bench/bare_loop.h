// The least that collecting can cost with libssh: one connection and one exec a node, nothing
// checked, nothing kept.
#pragma once

#include <string>
#include <vector>

#include "helpers/ssh/ssh_account.h"

namespace passthrough {

// A thread a node: connects, sends `input` to `command`, reads all that comes. Gives each node's
// output. Throws SshError.
std::vector<std::string> RunBareLoop(const std::vector<SshAccount>& accounts, const std::string& command,
                                     const std::string& input);

}  // namespace passthrough
