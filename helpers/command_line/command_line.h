// Reads a command line by its description.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/command_line/command_rule.h"

namespace passthrough {

// A command line that cannot be understood. The text says what was found and what is allowed, one problem a line.
class UsageError : public Error {
 public:
  using Error::Error;
};

// What was found on a command line that keeps its rule.
struct CommandLine {
  std::string command;                                      // "up"; empty where the program has no commands
  std::map<std::string, std::vector<std::string>> options;  // by name; the values, one "" for an option without
  std::vector<std::string> arguments;
  std::vector<std::string> passed_on;
  bool help = false;  // asked for; nothing else counts then

  bool Has(const std::string& option) const { return options.contains(option); }
  std::optional<std::string> Value(const std::string& option) const;
  std::vector<std::string> Values(const std::string& option) const;
};

// Reads `words`, which are without the program's name. Options may stand anywhere before "--", as "--name value" or
// "--name=value"; a value that begins with "--" needs the latter. Where the program has commands, "help" and "help
// COMMAND" ask for help, too. Throws UsageError with all problems.
CommandLine ReadCommandLine(const CommandRule& program, const std::vector<std::string>& words);

// What --help prints: of `program`, or of one of its commands.
std::string HelpText(const CommandRule& program, const std::string& command = "");

}  // namespace passthrough
