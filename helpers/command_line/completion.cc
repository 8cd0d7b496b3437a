#include "helpers/command_line/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "helpers/command_line/synopsis.h"

namespace passthrough {
namespace {

// What a value is the name of.
enum class Names { kNothing, kFiles, kDirectories, kWords };

Names NamesOf(const std::string& value, const std::string& words = {}) {
  if (!words.empty()) return Names::kWords;
  if (value.ends_with("FILE")) return Names::kFiles;
  return value.ends_with("DIR") ? Names::kDirectories : Names::kNothing;
}

// A shell function's name for the program.
std::string FunctionName(std::string program) {
  std::replace_if(
      program.begin(), program.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return "_" + program;
}

std::string Replaced(const std::string& text, const std::string& characters, const std::string& before) {
  std::string result;
  for (const char c : text) {
    if (characters.find(c) != std::string::npos) result += before;
    result += c;
  }
  return result;
}

std::vector<std::string> CommandNames(const CommandRule& program) {
  std::vector<std::string> names;
  for (const CommandRule& command : program.commands) names.push_back(command.name);
  return names;
}

// --- bash ---

std::string BashValue(const OptionRule& option) {
  switch (NamesOf(option.value, option.words)) {
    case Names::kFiles:
      return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")";
    case Names::kDirectories:
      return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$word\")";
    case Names::kWords:
      return fmt::format(
          "mapfile -t COMPREPLY < <(compgen -W \"$(\"${{COMP_WORDS[0]}}\" --list-words {} 2>/dev/null)\" -- \"$word\")",
          option.words);
    case Names::kNothing:
      break;
  }
  return "COMPREPLY=()";
}

// The branch of `case` for one command, or for a program that has none.
std::string BashBranch(const CommandRule& rule, const std::string& pattern) {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // how to complete one, and whose it is
  const auto add = [&](const OptionRule& option, const std::string& word) {
    words.push_back(word);
    if (option.value.empty()) return;
    const std::string value = BashValue(option);
    auto known = std::find_if(values.begin(), values.end(), [&](const auto& other) { return other.first == value; });
    if (known == values.end()) known = values.insert(known, {value, {}});
    known->second.push_back(option.name);
  };
  for (const OptionRule& option : ShownOptions(rule)) add(option, option.name);
  for (const OptionRule& option : rule.others) add(option, option.name + (option.value.empty() ? "" : "="));
  std::string text = fmt::format("    {})\n", pattern);
  if (!values.empty()) text += "      case $before in\n";
  for (const auto& [value, names] : values) {
    text += fmt::format("        {})\n          {}\n          return\n          ;;\n", fmt::join(names, " | "), value);
  }
  if (!values.empty()) text += "      esac\n";
  text += fmt::format("      words='{}'\n", fmt::join(words, " "));
  if (!rule.arguments.empty()) {
    OptionRule argument;
    argument.value = ArgumentName(rule.arguments.front());
    if (NamesOf(argument.value) != Names::kNothing) {
      text +=
          fmt::format("      if [[ $word != -* ]]; then\n        {}\n        return\n      fi\n", BashValue(argument));
    }
  }
  return text + "      ;;\n";
}

std::string BashScript(const CommandRule& program) {
  const std::string function = FunctionName(program.name);
  std::string text = fmt::format(
      "# shellcheck shell=bash\n"
      "# Completion of {0} for bash.\n"
      "{1}() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} words=\n"
      "  # bash takes --name=value for three words.\n"
      "  if [[ $word == '=' ]]; then\n"
      "    word=\n"
      "  elif [[ $before == '=' && $COMP_CWORD -ge 2 ]]; then\n"
      "    before=${{COMP_WORDS[COMP_CWORD - 2]}}\n"
      "  fi\n",
      program.name, function);
  text += "  case $((COMP_CWORD > 1)):${COMP_WORDS[1]-} in\n";
  if (program.commands.empty()) {
    text += BashBranch(program, "*");
  } else {
    text += fmt::format("    0:*) words='{} help --help' ;;\n", fmt::join(CommandNames(program), " "));
    text += fmt::format("    1:help) words='{}' ;;\n", fmt::join(CommandNames(program), " "));
    for (const CommandRule& command : program.commands) text += BashBranch(command, "1:" + command.name);
  }
  return text + fmt::format(
                    "  esac\n"
                    "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                    "  if [[ ${{COMPREPLY[0]-}} == *= ]]; then compopt -o nospace 2>/dev/null; fi\n"
                    "}}\n"
                    "complete -F {} {}\n",
                    function, program.name);
}

// --- zsh ---

std::string ZshText(const std::string& text) {
  std::string quoted;
  for (const char c : Replaced(text, "[]:\\", "\\")) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted;
}

std::string ZshValue(const std::string& value, const std::string& words) {
  switch (NamesOf(value, words)) {
    case Names::kFiles:
      return "_files";
    case Names::kDirectories:
      return "_files -/";
    case Names::kWords:
      return fmt::format("{{compadd -- ${{(f)\"$(_call_program words $service --list-words {})\"}}}}", words);
    case Names::kNothing:
      break;
  }
  return " ";
}

std::string ZshOption(const OptionRule& option, const std::string& joiner) {
  const std::string head = fmt::format("'{}{}{}[{}]", option.repeats ? "*" : "", option.name,
                                       option.value.empty() ? "" : joiner, ZshText(option.help));
  if (option.value.empty()) return head + "'";
  return fmt::format("{}:{}:{}'", head, ZshText(option.value), ZshValue(option.value, option.words));
}

std::string ZshArguments(const CommandRule& rule, const std::string& indent) {
  std::string text = indent + "_arguments -S";
  for (const OptionRule& option : ShownOptions(rule)) text += " \\\n" + indent + "  " + ZshOption(option, "=");
  for (const OptionRule& option : rule.others) text += " \\\n" + indent + "  " + ZshOption(option, "=-");
  for (const std::string& argument : rule.arguments) {
    text +=
        fmt::format(" \\\n{}  ':{}:{}'", indent, ZshText(ArgumentName(argument)), ZshValue(ArgumentName(argument), ""));
  }
  return text + "\n";
}

std::string ZshScript(const CommandRule& program) {
  std::string text = fmt::format("#compdef {0}\n# Completion of {0} for zsh.\n", program.name);
  if (program.commands.empty()) return text + ZshArguments(program, "");
  text += "if (( CURRENT == 2 )); then\n  local -a commands=(\n";
  for (const CommandRule& command : program.commands) {
    text += fmt::format("    '{}:{}'\n", command.name, ZshText(FirstSentence(command.help)));
  }
  text += "  )\n  _describe command commands\n  return\nfi\nlocal command=$words[2]\n";
  text += "shift words\n(( CURRENT-- ))\ncase $command in\n";
  for (const CommandRule& command : program.commands) {
    text += fmt::format("{})\n{}  ;;\n", command.name, ZshArguments(command, "  "));
  }
  return text + "esac\n";
}

// --- fish ---

std::string FishText(const std::string& text) { return "'" + Replaced(text, "'\\", "\\") + "'"; }

std::string FishOption(const std::string& program, const std::string& condition, const OptionRule& option) {
  std::string text =
      fmt::format("complete -c {}{} -l {} -d {}", program, condition, option.name.substr(2), FishText(option.help));
  if (option.value.empty()) return text + "\n";
  switch (NamesOf(option.value, option.words)) {
    case Names::kFiles:
      return text + " -r -F\n";
    case Names::kDirectories:
      return text + " -x -a '(__fish_complete_directories)'\n";
    case Names::kWords:
      return text + fmt::format(" -x -a '({} --list-words {} 2>/dev/null)'\n", program, option.words);
    case Names::kNothing:
      break;
  }
  return text + " -x\n";
}

std::string FishOptions(const std::string& program, const std::string& condition, const CommandRule& rule) {
  std::string text;
  for (const OptionRule& option : ShownOptions(rule)) text += FishOption(program, condition, option);
  for (const OptionRule& option : rule.others) text += FishOption(program, condition, option);
  return text;
}

std::string FishScript(const CommandRule& program) {
  std::string text = fmt::format("# Completion of {0} for fish.\ncomplete -c {0} -f\n", program.name);
  if (program.commands.empty()) return text + FishOptions(program.name, "", program);
  for (const CommandRule& command : program.commands) {
    text += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program.name, command.name,
                        FishText(FirstSentence(command.help)));
    const std::string condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    text += FishOptions(program.name, condition, command);
    if (!command.arguments.empty() && NamesOf(ArgumentName(command.arguments.front())) == Names::kFiles) {
      text += fmt::format("complete -c {}{} -F\n", program.name, condition);
    }
  }
  return text;
}

}  // namespace

std::string ShellProblem(const std::string& shell) {
  return shell == "bash" || shell == "zsh" || shell == "fish" ? "" : "not one of bash, zsh and fish";
}

std::string CompletionScript(const CommandRule& program, const std::string& shell) {
  if (shell == "bash") return BashScript(program);
  return shell == "zsh" ? ZshScript(program) : FishScript(program);
}

}  // namespace passthrough
