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

// Programs of the deployer that are not there, ai-how for configs/deployers/ai-how.sh among them.
std::vector<std::string> DeployerProblems(const Profile& profile);

// Where `program` is that script: why it could not find ai-how in `directory` (empty: the working directory), as far as
// that can be seen without running it.
std::optional<std::string> AiHowProblem(const std::string& program, const std::filesystem::path& directory);

// What to do where a deployer failed with `output`, as far as that says it: uv was there, the program that it was to
// run was not. Empty, or a line.
std::string HintForFailedDeployer(const std::vector<std::string>& argv, const std::string& output);

// Names of the plan that the host, whose libvirt is at `libvirt_uri`, has already.
std::vector<std::string> HostProblems(const Plan& plan, const Inventory& inventory, const std::string& libvirt_uri);

// Base images of the cluster file that are not there or are no qcow2 images. Relative paths are relative to
// the deployer's working directory. Nothing where the hypervisor is another machine, which may have images
// that this one has not, or where the devices are emulated: a lab has an image of its own.
std::vector<std::string> ImageProblems(const Plan& plan, const Profile& profile);

// Throws Error with all of them, one a line; returns where there are none.
void ThrowProblems(const std::vector<std::string>& problems);

}  // namespace passthrough
