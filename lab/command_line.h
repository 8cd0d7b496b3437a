// The command line of passthrough-lab: one command, its options, its arguments.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/error.h"

namespace passthrough {

// The command line cannot be understood; what() is one line that says so.
class UsageError : public Error {
 public:
  using Error::Error;
};

struct OptionRule {
  std::string name;   // "--lab-dir"
  std::string value;  // "DIR"; empty: it takes none
  std::string help;
};

struct CommandRule {
  std::string name;
  std::vector<OptionRule> options;
  std::vector<std::string> arguments;  // "CLUSTER_FILE"; in brackets where it may be missing
  bool passes_on = false;              // takes what stands after "--"
  std::string help;
};

// What was found on a command line that keeps a rule.
struct CommandLine {
  std::map<std::string, std::string> options;  // by name; "" for those without a value
  std::vector<std::string> arguments;
  std::vector<std::string> passed_on;
  bool help = false;

  bool Has(const std::string& option) const { return options.contains(option); }
  std::optional<std::string> Value(const std::string& option) const;
};

// Options may stand anywhere before "--", as "--name value" or "--name=value". Throws UsageError.
CommandLine ParseCommandLine(const CommandRule& rule, const std::vector<std::string>& words);

// The text of `passthrough-lab COMMAND --help`.
std::string HelpText(const CommandRule& rule);

}  // namespace passthrough
