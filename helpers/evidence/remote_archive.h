// How remote/ gets to a node: as a tar archive on the stdin of one command.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

// A ustar archive of run-all.sh, the named probes (as probes/<probe>.sh, also those of a maker), and an empty directory
// "work". A probe that has a program of its name in `program_directory` gets it as programs/<probe>; one whose program
// is missing says so itself. Throws EvidenceError for a name that is no probe's, or where a file cannot be read or
// packed.
std::string BuildRemoteArchive(const std::filesystem::path& remote_directory, const std::vector<std::string>& probes,
                               const std::filesystem::path& program_directory = {});

// The command that unpacks the archive, runs the probes and prints frames with `nonce`: see UnpackAndRun(), with the
// exit status of run-all.sh. Throws EvidenceError where a name or the nonce has other characters than it should.
std::string RemoteCommand(const std::string& nonce, const std::vector<std::string>& probes, int limit_scale = 1,
                          int gpu_memory_percent = 0);

// 32 hexadecimal digits that nobody can guess.
std::string MakeNonce();

}  // namespace passthrough
