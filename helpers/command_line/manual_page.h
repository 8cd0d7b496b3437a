// A program's manual page, made from its description.
#pragma once

#include <string>

#include "helpers/command_line/command_rule.h"

namespace passthrough {

// In the markup of man(7), ASCII alone.
std::string ManualPage(const CommandRule& program, const std::string& version);

}  // namespace passthrough
