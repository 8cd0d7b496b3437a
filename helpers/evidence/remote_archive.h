// How remote/ gets to a node: as a tar archive on the stdin of one command.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

// A ustar archive of run-all.sh and run-program.sh, the named probes (as probes/<probe>.sh, also those of a maker), and
// an empty directory "work". A probe that has a program of its name in `program_directory` gets it as programs/<probe>;
// one whose program is missing says so itself. Throws EvidenceError for a name that is no probe's, or where a file
// cannot be read or packed.
std::string BuildRemoteArchive(const std::filesystem::path& remote_directory, const std::vector<std::string>& probes,
                               const std::filesystem::path& program_directory = {});

// What run-all.sh is told beside the probes' names.
struct ProbeSettings {
  int limit_scale = 1;         // multiplies the probes' own limits
  int gpu_memory_percent = 0;  // of each GPU's free memory that is tested; 0: what the probe takes by itself
  // Disks that may be written to where they have a mark, by their functions' places on the node's PCI bus (ToText of
  // helpers/topology/guest_path.h).
  std::vector<std::string> may_be_overwritten = {};
};

// The command that unpacks the archive, runs the probes and prints frames with `nonce`: see UnpackAndRun(), with the
// exit status of run-all.sh. Throws EvidenceError where a name, a place or the nonce has other characters than it
// should.
std::string RemoteCommand(const std::string& nonce, const std::vector<std::string>& probes,
                          const ProbeSettings& settings = {});

// 32 hexadecimal digits that nobody can guess.
std::string MakeNonce();

}  // namespace passthrough
