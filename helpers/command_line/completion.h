// Completion scripts of shells, made from a program's description.
#pragma once

#include <string>

#include "helpers/command_line/command_rule.h"

namespace passthrough {

// Why there is no script for `shell`; empty where there is one.
std::string ShellProblem(const std::string& shell);

// A script that completes commands, options, and values by what they are called: FILE and RUN_DIR are names of files
// and directories, those with words of their own are asked of the program. `shell` is one without a problem.
std::string CompletionScript(const CommandRule& program, const std::string& shell);

}  // namespace passthrough
