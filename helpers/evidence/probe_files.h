// The files of the probes in remote/probes/, and what their headers say (remote/README.md, "A new probe").
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace passthrough {

// Every probe by its name, in probes/ and in the folders there (a maker's probes are in a folder of its own). Throws
// EvidenceError where the directory cannot be read, and where two files have one name.
std::map<std::string, std::filesystem::path> ProbeFiles(const std::filesystem::path& remote_directory);

// What the header of a probe's `text` says behind "# KEY:"; several such lines are joined. Empty where there is none.
// The header ends with the first line that is no comment.
std::string ProbeHeader(std::string_view text, std::string_view key);

}  // namespace passthrough
