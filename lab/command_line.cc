#include "lab/command_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

const OptionRule* FindOption(const CommandRule& rule, const std::string& name) {
  const auto found = std::find_if(rule.options.begin(), rule.options.end(),
                                  [&](const OptionRule& option) { return option.name == name; });
  return found == rule.options.end() ? nullptr : &*found;
}

[[noreturn]] void Refuse(const CommandRule& rule, const std::string& problem) {
  throw UsageError(fmt::format("{} (see passthrough-lab {} --help)", problem, rule.name));
}

std::string Synopsis(const CommandRule& rule) {
  std::string text = "passthrough-lab " + rule.name;
  for (const OptionRule& option : rule.options) {
    text += fmt::format(" [{}{}{}]", option.name, option.value.empty() ? "" : " ", option.value);
  }
  for (const std::string& argument : rule.arguments) text += " " + argument;
  if (rule.passes_on) text += " [-- COMMAND...]";
  return text;
}

void CheckArguments(const CommandRule& rule, const CommandLine& line) {
  for (size_t i = line.arguments.size(); i < rule.arguments.size(); ++i) {
    if (!rule.arguments[i].starts_with('[')) {
      Refuse(rule, fmt::format("{}: {} is missing", rule.name, rule.arguments[i]));
    }
  }
  if (line.arguments.size() > rule.arguments.size()) {
    Refuse(rule, fmt::format("{}: one argument too many: {}", rule.name,
                             Printable(line.arguments[rule.arguments.size()])));
  }
}

}  // namespace

std::optional<std::string> CommandLine::Value(const std::string& option) const {
  const auto found = options.find(option);
  if (found == options.end()) return std::nullopt;
  return found->second;
}

CommandLine ParseCommandLine(const CommandRule& rule, const std::vector<std::string>& words) {
  CommandLine line;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--" && rule.passes_on) {
      line.passed_on.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word == "--help" || word == "-h") {
      line.help = true;
      return line;
    }
    if (!word.starts_with('-') || word == "-") {
      line.arguments.push_back(word);
      continue;
    }
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const OptionRule* const option = FindOption(rule, name);
    if (option == nullptr) {
      Refuse(rule, fmt::format("{}: unknown option {}", rule.name, Printable(name)));
    }
    if (option->value.empty()) {
      if (equals != std::string::npos) Refuse(rule, fmt::format("{} takes no value", name));
      line.options[name] = "";
    } else if (equals != std::string::npos) {
      line.options[name] = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      line.options[name] = words[++i];
    } else {
      Refuse(rule, fmt::format("{} needs a value: {}", name, option->value));
    }
  }
  CheckArguments(rule, line);
  return line;
}

std::string HelpText(const CommandRule& rule) {
  std::string text = fmt::format("Usage: {}\n\n{}\n", Synopsis(rule), rule.help);
  for (const OptionRule& option : rule.options) {
    const std::string left = option.value.empty() ? option.name : option.name + " " + option.value;
    text += fmt::format("  {:<16} {}\n", left, option.help);
  }
  return text;
}

}  // namespace passthrough
