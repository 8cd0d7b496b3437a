// Which file a command means.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace passthrough {

// The program as an absolute path: by PATH (of `environment`, where it stands there), or from
// `working_directory` if there is a '/' in it. Throws ProcessError that says what is wrong with it.
std::filesystem::path ResolveProgram(const std::string& program, const std::filesystem::path& working_directory,
                                     const std::map<std::string, std::string>& environment);

}  // namespace passthrough
