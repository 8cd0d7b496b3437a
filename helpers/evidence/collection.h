// Collecting from one node over a way to run a command there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// Runs a command on the node, as SshSession::Exec does.
using RemoteExec = std::function<ExecResult(const std::string& command, const ExecOptions& options,
                                            const Deadline& deadline)>;

// Sends `archive`, runs `probes` and reads their frames, in one exec. What goes wrong ends in
// `error` of the result, beside what had come by then: a lost connection, a deadline, an
// interruption, frames that cannot be understood. `probe_scale` multiplies the probes' own limits. Times are left 0. Throws EvidenceError for a name
// that is no probe's.
Collection CollectByExec(const RemoteExec& exec, const std::string& archive,
                         const std::vector<std::string>& probes, const Deadline& deadline,
                         int probe_scale = 1);

}  // namespace passthrough
