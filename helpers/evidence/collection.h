// Collecting from one node over a way to run a command there.
#pragma once

#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/evidence/remote_archive.h"
#include "helpers/ssh/remote_exec.h"

namespace passthrough {

// Sends `archive`, runs `probes` and reads their frames, in one exec. What goes wrong ends in
// `error` of the result, beside what had come by then: a lost connection, a deadline, an
// interruption, frames that cannot be understood. Times are left 0.
// Throws EvidenceError for a name that is no probe's.
Collection CollectByExec(const RemoteExec& exec, const std::string& archive, const std::vector<std::string>& probes,
                         const Deadline& deadline, const ProbeSettings& settings = {});

}  // namespace passthrough
