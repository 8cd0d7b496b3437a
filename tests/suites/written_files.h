// What a run wrote, looked through for what must not be there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

// The lines of a private key file that are secret: all but its first and last.
std::vector<std::string> SecretLines(const std::filesystem::path& key);

// Files below `directory` that contain one of `secrets`. Links are not followed.
std::vector<std::string> FilesWith(const std::filesystem::path& directory, const std::vector<std::string>& secrets);

// What others than its owner could read of a run: the directory itself where it is not 0700, console logs
// that are not 0600.
std::vector<std::string> OpenToOthers(const std::filesystem::path& run);

}  // namespace passthrough
