// CLI11 stops at the first problem of a command line. This looks at each word before it does, so that a user reads of
// all problems at once.
#pragma once

#include <string>
#include <vector>

#include "helpers/command_line/command_rule.h"

namespace passthrough {

// A command line, its words sorted by what they are.
struct SortedWords {
  std::vector<std::string> options;  // "--lab-dir=DIR", "--quiet", "-h": those that keep the rule
  std::vector<std::string> arguments;
  std::vector<std::string> passed_on;
  std::vector<std::string> problems;  // of single words
};

SortedWords SortWords(const CommandRule& rule, const std::vector<std::string>& words);

// "; did you mean --config?", or nothing.
std::string Hint(const std::string& word, const std::vector<std::string>& known);

}  // namespace passthrough
