#include "helpers/command_line/cli_app.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <string>

#include "helpers/base/text.h"
#include "helpers/command_line/synopsis.h"

namespace passthrough {
namespace {

constexpr size_t kLineWidth = 100;

// CLI11's own layout begins with the description, shows positional arguments as options, and differs from version to
// version.
class HelpFormatter : public CLI::FormatterBase {
 public:
  explicit HelpFormatter(const CommandRule& rule) : synopsis_(SynopsisOf(rule)) {
    size_t widest = 0;
    for (const OptionRule& option : ShownOptions(rule)) {
      widest = std::max(widest, option.name.size() + (option.value.empty() ? 0 : option.value.size() + 1));
    }
    for (const CommandRule& command : rule.commands) widest = std::max(widest, command.name.size());
    column_ = widest + 4;
  }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode /*mode*/) const override {
    std::string text = fmt::format("{}\n\n{}\n", Usage(name), Trim(app->get_description()));
    const std::vector<const CLI::App*> commands = app->get_subcommands([](const CLI::App*) { return true; });
    if (!commands.empty()) text += "\nCommands:\n";
    for (const CLI::App* command : commands) {
      text += Entry(command->get_name(), FirstSentence(command->get_description()));
    }
    for (const std::string& group : app->get_groups()) text += Group(*app, group);
    if (!app->get_footer().empty()) text += fmt::format("\n{}\n", Trim(app->get_footer()));
    return text;
  }

 private:
  // In lines of that width; no option is parted from its value.
  std::string Usage(const std::string& name) const {
    std::string usage = "Usage: " + name;
    const size_t indent = usage.size() + 1;
    size_t begin = 0;  // of the line
    for (size_t at = 0; at < synopsis_.size();) {
      size_t end = synopsis_.find(' ', at);
      if (synopsis_[at] == '[') end = synopsis_.find(' ', synopsis_.find(']', at));
      end = std::min(end, synopsis_.size());
      const bool fits = usage.size() - begin + 1 + end - at <= kLineWidth;
      if (!fits) begin = usage.size() + 1;
      usage += (fits ? " " : "\n" + std::string(indent, ' ')) + synopsis_.substr(at, end - at);
      at = end + 1;
    }
    return usage;
  }

  std::string Group(const CLI::App& app, const std::string& group) const {
    const std::vector<const CLI::Option*> options = app.get_options(
        [&](const CLI::Option* option) { return option->get_group() == group && !option->get_positional(); });
    if (group.empty() || options.empty()) return "";
    std::string text = "\n" + group + ":\n";
    for (const CLI::Option* option : options) {
      const std::string value = option->get_expected_max() > 0 ? " " + option->get_type_name() : "";
      text += Entry("--" + option->get_lnames().front() + value, option->get_description());
    }
    return text;
  }

  std::string Entry(const std::string& name, const std::string& text) const {
    std::string entry = fmt::format("  {:<{}}", name, column_ - 2);
    size_t at = column_;
    for (const std::string_view word : SplitWords(text)) {
      if (at > column_ && at + 1 + word.size() > kLineWidth) {
        entry += fmt::format("\n{:{}}", "", column_);
        at = column_;
      } else if (at > column_) {
        entry += ' ';
        ++at;
      }
      entry += word;
      at += word.size();
    }
    return entry + "\n";
  }

  std::string synopsis_;
  size_t column_ = 0;  // where the descriptions begin
};

void AddOption(CLI::App& app, const OptionRule& rule) {
  const std::string description = DescriptionOf(rule);
  CLI::Option* option = nullptr;
  if (rule.value.empty()) {
    option = app.add_flag(rule.name, description);
  } else {
    option = app.add_option(rule.name, CLI::callback_t(), description)->type_name(rule.value);
  }
  option->multi_option_policy(rule.repeats ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  option->group(rule.help.empty() ? "" : rule.group);  // the group "" is not shown
}

void Describe(CLI::App& app, const CommandRule& rule) {
  app.set_help_flag();  // at the end of its group, and inherited by no command
  for (const CommandRule& command : rule.commands) {
    Describe(*app.add_subcommand(command.name, command.help), command);
  }
  // Exactly one: a later word that is a command's name, such as a snapshot's, is an argument.
  if (!rule.commands.empty()) app.require_subcommand(1);
  for (const OptionRule& option : rule.options) AddOption(app, option);
  const OptionRule help = ShownOptions(rule).back();
  app.set_help_flag("-h," + help.name, help.help)->group(help.group);
  for (const std::string& argument : rule.arguments) {
    app.add_option(ArgumentName(argument))->required(!IsOptional(argument));
  }
  app.footer(rule.footer);
  app.formatter(std::make_shared<HelpFormatter>(rule));
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(const CommandRule& rule) {
  auto app = std::make_unique<CLI::App>(rule.help, rule.name);
  Describe(*app, rule);
  return app;
}

}  // namespace passthrough
