// What can be checked before anything is deployed. Each function returns problems as sentences that say
// what to do; all of them are told together.
#pragma once

#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/libvirt/inventory.h"

namespace passthrough {

// The key files of the nodes and of the jump host.
std::vector<std::string> SshKeyProblems(const Profile& profile);

// Programs of the deployer that are not there.
std::vector<std::string> DeployerProblems(const Profile& profile);

// Names of the plan that the host has already.
std::vector<std::string> HostProblems(const Plan& plan, const Inventory& inventory);

// Throws Error with all of them, one a line; returns where there are none.
void ThrowProblems(const std::vector<std::string>& problems);

}  // namespace passthrough
