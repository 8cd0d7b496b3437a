// Which probes there are, in the order of running.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

// The names of the probes of `remote_directory` (ProbeFiles), in the order of "# order: N" in their headers. Throws
// EvidenceError as ProbeFiles does, and for a probe whose header has no such line.
std::vector<std::string> AvailableProbes(const std::filesystem::path& remote_directory);

}  // namespace passthrough
