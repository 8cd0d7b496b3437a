#include "helpers/command_line/command_rule.h"

#include <algorithm>

namespace passthrough {
namespace {

template <typename Rule>
const Rule* Find(const std::vector<Rule>& rules, const std::string& name) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.name == name; });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace

std::vector<OptionRule> ShownOptions(const CommandRule& rule) {
  std::vector<OptionRule> shown;
  for (const OptionRule& option : rule.options) {
    if (!option.help.empty()) shown.push_back(option);
  }
  shown.push_back({.name = "--help", .help = "this text (also -h)", .group = rule.help_group});
  return shown;
}

bool IsOptional(const std::string& argument) { return argument.starts_with('['); }

std::string ArgumentName(const std::string& argument) {
  return IsOptional(argument) ? argument.substr(1, argument.size() - 2) : argument;
}

const OptionRule* FindOption(const CommandRule& rule, const std::string& name) { return Find(rule.options, name); }

const CommandRule* FindCommand(const CommandRule& rule, const std::string& name) { return Find(rule.commands, name); }

}  // namespace passthrough
