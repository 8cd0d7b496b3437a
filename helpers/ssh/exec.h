// Running one command on a link.
#pragma once

#include <string>

#include "helpers/base/deadline.h"
#include "helpers/ssh/link.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// As SshSession::Exec. `had_channel`: commands ran on this link before.
ExecResult ExecOn(Link& link, bool had_channel, const std::string& command, const ExecOptions& options,
                  const Deadline& deadline);

}  // namespace passthrough
