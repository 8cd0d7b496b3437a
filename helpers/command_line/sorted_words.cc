#include "helpers/command_line/sorted_words.h"

#include <fmt/format.h>

#include <cstddef>

#include "helpers/base/nearest.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

class Sorter {
 public:
  Sorter(const CommandRule& rule, const std::vector<std::string>& words) : rule_(rule), words_(words) {}

  SortedWords Sort() {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--" && rule_.passes_on) {
        sorted_.passed_on.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1, words_.end());
        break;
      }
      if (word == "--help" || word == "-h") {
        sorted_.options.push_back(word);
      } else if (word.starts_with('-') && word != "-") {
        SortOption(word);
      } else {
        sorted_.arguments.push_back(word);
      }
    }
    return std::move(sorted_);
  }

 private:
  void SortOption(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const OptionRule* const option = FindOption(rule_, name);
    if (option == nullptr) {
      Problem("{}: no such option{}", Printable(word), Hint(name, ShownNames()));
    } else if (!option->value.empty()) {
      SortValue(*option, equals == std::string::npos ? NextWord() : word.substr(equals + 1));
    } else if (equals != std::string::npos) {
      Problem("{}: takes no value", name);
    } else {
      sorted_.options.push_back(name);
    }
  }

  void SortValue(const OptionRule& option, const std::string& value) {
    if (value.empty()) return Problem("{}: {} is missing", option.name, option.value);
    const std::string problem = option.problem_of == nullptr ? "" : option.problem_of(value);
    if (!problem.empty()) return Problem("{} {}: {}", option.name, Printable(value), problem);
    sorted_.options.push_back(option.name + "=" + value);
  }

  // An option is none's value: "--ssh-user --attach" has lost its user.
  std::string NextWord() {
    if (at_ + 1 == words_.size() || words_[at_ + 1].starts_with("--")) return "";
    return words_[++at_];
  }

  std::vector<std::string> ShownNames() const {
    std::vector<std::string> names;
    for (const OptionRule& option : ShownOptions(rule_)) names.push_back(option.name);
    return names;
  }

  template <typename... Parts>
  void Problem(fmt::format_string<Parts...> format, Parts&&... parts) {
    sorted_.problems.push_back(fmt::format(format, std::forward<Parts>(parts)...));
  }

  const CommandRule& rule_;
  const std::vector<std::string>& words_;
  size_t at_ = 0;
  SortedWords sorted_;
};

}  // namespace

SortedWords SortWords(const CommandRule& rule, const std::vector<std::string>& words) {
  return Sorter(rule, words).Sort();
}

std::string Hint(const std::string& word, const std::vector<std::string>& known) {
  std::string meant = Nearest(word, known);
  for (const std::string& name : known) {  // cut short: "--lab" for "--lab-dir"
    if (meant.empty() && word.size() > 3 && name.starts_with(word)) meant = name;
  }
  return meant.empty() ? "" : fmt::format("; did you mean {}?", meant);
}

}  // namespace passthrough
