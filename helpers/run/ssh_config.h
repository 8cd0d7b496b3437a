// The run's own ssh_config, so that `ssh -F RUN/ssh_config NODE` gets in while the cluster lives.
#pragma once

#include <string>

#include "helpers/cluster/discovery.h"
#include "helpers/config/profile.h"
#include "helpers/rundir/run_directory.h"

namespace passthrough {

// How to get to a node that has an address, by its ssh_config: a command that can be given as it stands, and the
// names of the others. Empty: no node has one.
std::string HowToLogIn(const Discovery& discovery, const RunDirectory& run);

// One Host block a node that has an address, under its node name and its domain name, with the jump
// host where there is one (ssh_config(5)). Throws Error for an address that is none.
std::string MakeSshConfig(const Discovery& discovery, const Profile& profile, const RunDirectory& run);

}  // namespace passthrough
