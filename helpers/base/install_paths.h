// Where the project's own files are: beside the program that runs, wherever that was installed. The build tree is laid
// out as an installation is: its share/pcie-passthrough-suite is a link to the source tree.
#pragma once

#include <filesystem>
#include <string>

namespace passthrough {

// configs/, remote/ and lab/ are in it. Throws Error where it is not there.
std::filesystem::path DataDirectory();

// Programs that are sent to nodes along with the probes that run them.
std::filesystem::path NodeProgramDirectory();

// Another of the project's programs.
std::filesystem::path SiblingProgram(const std::string& name);

// The lab where none is named: $PASSTHROUGH_LAB_DIR, or $XDG_STATE_HOME (~/.local/state) with
// pcie-passthrough-suite/labs/default.
std::filesystem::path DefaultLabDirectory();

}  // namespace passthrough
