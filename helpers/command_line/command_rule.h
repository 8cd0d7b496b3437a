// What a program takes on its command line: the one description that it is read by (command_line.h) and that its help
// text, its manual page and its completions are made from.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

struct OptionRule {
  std::string name;               // "--lab-dir"
  std::string value = {};         // what its value is called, "DIR"; empty: it takes none
  std::string help = {};          // one sentence without a full stop; empty: for the project's own use, not shown
  std::string default_text = {};  // what holds without it; empty: nothing that a user would ask for
  std::string group = "Options";  // under which heading it is shown
  bool repeats = false;           // each value counts; else the last one, so that a script can append its own
  // What is wrong with a value, such as "not a number from 1 to 1000"; empty: nothing. Null: any value will do.
  std::string (*problem_of)(const std::string& value) = nullptr;
  std::string words = {};  // "profiles": the program lists values with --list-words profiles, one a line
};

// Refuses `option` together with `other`, or without it.
struct CombinationRule {
  enum class Kind { kNotWith, kOnlyWith };
  std::string option;
  Kind kind = Kind::kNotWith;
  std::string other;
  std::string why;
};

// At most one of `options` may be given.
struct ChoiceRule {
  std::vector<std::string> options;
  std::string why;
};

// A program, or a command of one (`passthrough-lab up`). Each has --help and -h, too, which no rule has to name.
struct CommandRule {
  std::string name;
  std::vector<OptionRule> options = {};
  std::vector<std::string> arguments = {};  // "CLUSTER_FILE"; in brackets where it may be missing
  std::string arguments_of = {};            // the option that takes them; empty: they stand by themselves
  bool passes_on = false;                   // takes what follows "--" as it is
  std::string summary = {};                 // a program's, in some words, for the index of manual pages
  std::string help = {};                    // what it does; its first sentence stands in the list of commands
  std::string synopsis = {};                // what follows the name behind "Usage:"; empty: made from the rule
  std::string footer = {};                  // behind all other help
  std::string see_also = {};                // other manual pages
  std::string help_group = "Options";       // where --help is shown
  std::vector<CombinationRule> combinations = {};
  std::vector<ChoiceRule> choices = {};
  std::vector<OptionRule> others = {};     // options that a library reads, all as --name=value, for completion
  std::vector<CommandRule> commands = {};  // where there are some, one of them is the first word
};

// The options that a user sees, in the order of the help text, with --help.
std::vector<OptionRule> ShownOptions(const CommandRule& rule);

// "NODE" for "[NODE]".
std::string ArgumentName(const std::string& argument);
bool IsOptional(const std::string& argument);

// Null where there is none.
const OptionRule* FindOption(const CommandRule& rule, const std::string& name);
const CommandRule* FindCommand(const CommandRule& rule, const std::string& name);

}  // namespace passthrough
