// Whether the deployer of a profile can be run here. Problems are sentences that say what to do.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "helpers/config/profile.h"

namespace passthrough {

// Programs of the deployer that are not there, ai-how for configs/deployers/ai-how.sh among them.
std::vector<std::string> DeployerProblems(const Profile& profile);

// Where `program` is that script: why it could not find ai-how in `directory` (empty: the working directory), as far as
// that can be seen without running it.
std::optional<std::string> AiHowProblem(const std::string& program, const std::filesystem::path& directory);

// What to do where a deployer failed with `output`, as far as that says it: uv was there, the program that it was to
// run was not. Empty, or a line.
std::string HintForFailedDeployer(const std::vector<std::string>& argv, const std::string& output);

}  // namespace passthrough
