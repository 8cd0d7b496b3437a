// The description of a command line as CLI11 has it. For this room's own sources.
#pragma once

#include <CLI/App.hpp>
#include <memory>

#include "helpers/command_line/command_rule.h"

namespace passthrough {

// What its parser and its help need of `rule`, and of its commands as subcommands.
std::unique_ptr<CLI::App> MakeApp(const CommandRule& rule);

}  // namespace passthrough
