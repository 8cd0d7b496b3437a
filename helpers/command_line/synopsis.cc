#include "helpers/command_line/synopsis.h"

#include <fmt/format.h>

#include <vector>

#include "helpers/base/text.h"

namespace passthrough {

std::string FirstSentence(const std::string& text) { return text.substr(0, text.find_first_of(".:;")); }

std::string SynopsisOf(const CommandRule& rule) {
  if (!rule.synopsis.empty()) return rule.synopsis;
  std::string text;
  for (const OptionRule& option : rule.options) {
    if (option.help.empty()) continue;
    text += fmt::format("[{}{}{}] ", option.name, option.value.empty() ? "" : " ", option.value);
  }
  for (const std::string& argument : rule.arguments) text += argument + " ";
  if (rule.passes_on) text += "[-- COMMAND...]";
  return std::string(Trim(text));
}

std::string DescriptionOf(const OptionRule& option) {
  std::vector<std::string> remarks;
  if (option.repeats) remarks.emplace_back("may be repeated");
  if (!option.default_text.empty()) remarks.push_back("default: " + option.default_text);
  return remarks.empty() ? option.help : fmt::format("{} ({})", option.help, fmt::join(remarks, "; "));
}

}  // namespace passthrough
