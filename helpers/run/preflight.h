// What can be checked before anything is deployed. Each function returns problems as sentences that say
// what to do; all of them are reported together.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// The key files of the nodes and of the jump host.
std::vector<std::string> SshKeyProblems(const Profile& profile);

// Names of the plan that the host, whose libvirt is at `libvirt_uri`, has already.
std::vector<std::string> HostProblems(const Plan& plan, const Inventory& inventory, const std::string& libvirt_uri);

// Base images of the cluster file that are not there or are no qcow2 images. Relative paths are relative to
// the deployer's working directory. Nothing where the hypervisor is another machine, which may have images
// that this one has not, or where the devices are emulated: a lab has an image of its own.
std::vector<std::string> ImageProblems(const Plan& plan, const Profile& profile);

// All that speaks against deploying `plan`: the above, and what the host has or lacks, where its inventory is given.
// What may be in order goes to `notes`.
std::vector<std::string> ProblemsBeforeDeploying(const Plan& plan, const Profile& profile, const Inventory* inventory,
                                                 std::vector<std::string>* notes);

// Throws Error with all of them, one a line; returns where there are none.
void ThrowProblems(const std::vector<std::string>& problems);

}  // namespace passthrough
