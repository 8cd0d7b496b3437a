// Words that the help text and the manual page share. For this room's own sources.
#pragma once

#include <string>

#include "helpers/command_line/command_rule.h"

namespace passthrough {

// What follows the name of `rule`: "[--lab-dir DIR] CLUSTER_FILE".
std::string SynopsisOf(const CommandRule& rule);

// Of a command's help. "Starts: …" and "Starts; …" end it, too.
std::string FirstSentence(const std::string& text);

// An option's help, with what holds without it.
std::string DescriptionOf(const OptionRule& option);

}  // namespace passthrough
