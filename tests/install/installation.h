// What `cmake --install` makes of the build tree, moved away from where it was made.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/process/child_process.h"

namespace passthrough {

// The prefix, with bin/ and share/ in it: installed once by this process, removed at its end. Throws Error where the
// installation fails.
const std::filesystem::path& Installation();

// Runs `command` with the installation's bin/ first in PATH and an empty home, a minute at most.
ChildResult RunInstalled(const std::vector<std::string>& command);

}  // namespace passthrough
