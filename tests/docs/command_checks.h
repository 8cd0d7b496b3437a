// Whether a command that a document shows is one: its program takes its options.
#pragma once

#include <string>

#include "tests/docs/markdown.h"

namespace passthrough {

// What is wrong with `command`; empty: nothing. The project's own programs are run with its options and
// --help, so that they parse them and do nothing; virsh, ctest and cmake are asked for the options that they
// have.
std::string ProblemOf(const DocumentedCommand& command);

// Whether the project's programs have `option`, any of them.
bool IsOptionOfTheProject(const std::string& option);

}  // namespace passthrough
