#include "helpers/command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "helpers/base/text.h"
#include "helpers/command_line/cli_app.h"
#include "helpers/command_line/sorted_words.h"

namespace passthrough {
namespace {

[[noreturn]] void Refuse(const std::vector<std::string>& problems, const std::string& program) {
  throw UsageError(fmt::format("{} (see {} --help)", fmt::join(problems, "\n"), program));
}

bool AsksForHelp(const SortedWords& words) {
  return std::any_of(words.options.begin(), words.options.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

bool TakesArguments(const CommandRule& rule, const SortedWords& words) {
  if (rule.arguments_of.empty()) return true;
  return std::any_of(words.options.begin(), words.options.end(), [&](const std::string& word) {
    return word == rule.arguments_of || word.starts_with(rule.arguments_of + "=");
  });
}

// Too few arguments or too many; the latter are left out.
void CheckArguments(const CommandRule& rule, SortedWords& words) {
  for (size_t i = words.arguments.size(); i < rule.arguments.size() && !AsksForHelp(words); ++i) {
    if (!IsOptional(rule.arguments[i])) words.problems.push_back(rule.arguments[i] + " is missing");
  }
  const size_t taken = TakesArguments(rule, words) ? rule.arguments.size() : 0;
  for (size_t i = taken; i < words.arguments.size(); ++i) {
    const std::string word = Printable(words.arguments[i]);
    words.problems.push_back(taken == 0 ? word + ": no such option" : "one argument too many: " + word);
  }
  words.arguments.resize(std::min(words.arguments.size(), taken));
}

void CheckCombinations(const CommandRule& rule, const CommandLine& line, std::vector<std::string>& problems) {
  for (const CombinationRule& combination : rule.combinations) {
    const bool only_with = combination.kind == CombinationRule::Kind::kOnlyWith;
    if (!line.Has(combination.option) || line.Has(combination.other) == only_with) continue;
    problems.push_back(fmt::format("{} {} {}: {}", combination.option, only_with ? "without" : "with",
                                   combination.other, combination.why));
  }
  for (const ChoiceRule& choice : rule.choices) {
    std::vector<std::string> given;
    std::copy_if(choice.options.begin(), choice.options.end(), std::back_inserter(given),
                 [&](const std::string& option) { return line.Has(option); });
    if (given.size() > 1) problems.push_back(fmt::format("{}: {}", JoinForHumans(given), choice.why));
  }
}

// What CLI11 found, which gets no word that it would stop at.
CommandLine Parse(const CommandRule& program, const CommandRule& rule, const SortedWords& words) {
  std::vector<std::string> reversed;  // as CLI11 takes them
  reversed.assign(words.arguments.rbegin(), words.arguments.rend());
  if (!reversed.empty()) reversed.emplace_back("--");  // what follows is an argument, whatever it looks like
  reversed.insert(reversed.end(), words.options.rbegin(), words.options.rend());
  const bool is_command = &rule != &program;
  if (is_command) reversed.push_back(rule.name);
  const std::unique_ptr<CLI::App> app = MakeApp(program);
  CommandLine line;
  try {
    app->parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line.help = true;
  } catch (const CLI::RequiredError&) {  // in CheckArguments' words
  }
  const CLI::App& read = is_command ? *app->get_subcommand(rule.name) : *app;
  if (is_command) line.command = rule.name;
  for (const OptionRule& option : rule.options) {
    const std::vector<std::string>& values = read.get_option(option.name)->results();
    if (values.empty()) continue;
    if (option.repeats) {
      line.options[option.name] = values;
    } else {
      line.options[option.name] = {option.value.empty() ? "" : values.back()};
    }
  }
  for (const std::string& argument : rule.arguments) {
    const std::vector<std::string>& values = read.get_option(ArgumentName(argument))->results();
    line.arguments.insert(line.arguments.end(), values.begin(), values.end());
  }
  line.passed_on = words.passed_on;
  return line;
}

CommandLine ReadCommand(const CommandRule& program, const CommandRule& rule, const std::vector<std::string>& words) {
  SortedWords sorted = SortWords(rule, words);
  CheckArguments(rule, sorted);
  CommandLine line = Parse(program, rule, sorted);
  CheckCombinations(rule, line, sorted.problems);
  if (sorted.problems.empty()) return line;
  if (&rule == &program) Refuse(sorted.problems, program.name);
  for (std::string& problem : sorted.problems) problem.insert(0, rule.name + ": ");
  Refuse(sorted.problems, program.name + " " + rule.name);
}

[[noreturn]] void RefuseCommand(const CommandRule& program, const std::string& word) {
  std::vector<std::string> names;
  for (const CommandRule& command : program.commands) names.push_back(command.name);
  Refuse({fmt::format("{}: no such command{}", Printable(word), Hint(word, names))}, program.name);
}

// "help" alone, or "help COMMAND".
CommandLine ReadHelp(const CommandRule& program, const std::vector<std::string>& words) {
  CommandLine line;
  line.help = true;
  if (words.size() < 2 || words[1] == "--help" || words[1] == "-h") return line;
  if (FindCommand(program, words[1]) == nullptr) RefuseCommand(program, words[1]);
  line.command = words[1];
  return line;
}

}  // namespace

std::optional<std::string> CommandLine::Value(const std::string& option) const {
  const auto found = options.find(option);
  if (found == options.end()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> CommandLine::Values(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? std::vector<std::string>() : found->second;
}

CommandLine ReadCommandLine(const CommandRule& program, const std::vector<std::string>& words) {
  if (program.commands.empty()) return ReadCommand(program, program, words);
  if (words.empty()) Refuse({"no command"}, program.name);
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") return ReadHelp(program, words);
  if (const CommandRule* const command = FindCommand(program, words[0])) {
    return ReadCommand(program, *command, {words.begin() + 1, words.end()});
  }
  RefuseCommand(program, words[0]);
}

std::string HelpText(const CommandRule& program, const std::string& command) {
  const std::unique_ptr<CLI::App> app = MakeApp(program);
  return command.empty() ? app->help() : app->get_subcommand(command)->help(program.name);
}

}  // namespace passthrough
