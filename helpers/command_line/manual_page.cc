#include "helpers/command_line/manual_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/command_line/synopsis.h"

namespace passthrough {
namespace {

// The code point that begins at `at` of UTF-8 text, which moves behind it.
unsigned NextCodePoint(const std::string& text, size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  unsigned point = first & (0x3fU >> more);
  for (; more > 0 && at < text.size(); --more) point = point << 6 | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  return point;
}

// Text that troff prints as it is.
std::string Escaped(const std::string& text) {
  std::string escaped;
  bool begins_line = true;
  for (size_t at = 0; at < text.size();) {
    const unsigned point = NextCodePoint(text, at);
    if (begins_line && (point == '.' || point == '\'')) escaped += "\\&";
    begins_line = point == '\n';
    if (point == '\\') {
      escaped += "\\e";
    } else if (point == '-') {
      escaped += "\\-";
    } else if (point >= 0x80) {
      escaped += fmt::format("\\[u{:04X}]", point);
    } else {
      escaped += static_cast<char>(point);
    }
  }
  return escaped;
}

std::string InCapitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string Section(const std::string& title) { return fmt::format(".SH \"{}\"\n", Escaped(InCapitals(title))); }

// Paragraphs; a line that is indented stays a line.
std::string Paragraphs(const std::string& text) {
  std::string page;
  bool in_list = false;
  bool after_blank = true;
  for (const std::string_view line : SplitLines(text)) {
    const bool is_item = line.starts_with(' ');
    if (is_item != in_list) page += is_item ? ".nf\n" : ".fi\n";
    in_list = is_item;
    if (line.empty()) {
      after_blank = true;
      continue;
    }
    if (after_blank && !page.empty()) page += ".PP\n";
    after_blank = false;
    page += Escaped(std::string(line)) + "\n";
  }
  return page + (in_list ? ".fi\n" : "");
}

std::string Option(const OptionRule& option) {
  std::string text = fmt::format(".TP\n\\fB{}\\fR", Escaped(option.name));
  if (!option.value.empty()) text += fmt::format(" \\fI{}\\fR", Escaped(option.value));
  return fmt::format("{}\n{}.\n", text, Escaped(DescriptionOf(option)));
}

// The options by their groups, each beneath `heading`'s words for it.
template <typename Heading>
std::string Options(const std::vector<OptionRule>& options, const Heading& heading) {
  std::vector<std::string> groups;
  for (const OptionRule& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  std::string page;
  for (const std::string& group : groups) {
    page += heading(group);
    for (const OptionRule& option : options) {
      if (option.group == group) page += Option(option);
    }
  }
  return page;
}

}  // namespace

std::string ManualPage(const CommandRule& program, const std::string& version) {
  std::string page =
      fmt::format(".TH \"{}\" 1 \"\" \"{}\" \"User Commands\"\n", Escaped(InCapitals(program.name)), Escaped(version));
  page += Section("Name") + fmt::format("{} \\- {}\n", Escaped(program.name), Escaped(program.summary));
  page += Section("Synopsis") + fmt::format("\\fB{}\\fR {}\n", Escaped(program.name), Escaped(SynopsisOf(program)));
  page += Section("Description") + Paragraphs(program.help);
  if (!program.commands.empty()) page += Section("Commands");
  for (const CommandRule& command : program.commands) {
    std::vector<OptionRule> options = ShownOptions(command);
    options.pop_back();  // --help, which each has
    page += fmt::format(".SS \"{} {}\"\n", Escaped(command.name), Escaped(SynopsisOf(command)));
    page += Paragraphs(command.help) + Options(options, [](const std::string&) { return std::string(); });
  }
  page += Options(ShownOptions(program), Section);
  if (!program.footer.empty()) page += Section("Notes") + Paragraphs(program.footer);
  if (!program.see_also.empty()) page += Section("See also") + Escaped(program.see_also) + "\n";
  return page;
}

}  // namespace passthrough
