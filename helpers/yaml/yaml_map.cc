#include "helpers/yaml/yaml_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "helpers/base/nearest.h"
#include "helpers/base/text.h"
#include "helpers/yaml/yaml_scalar.h"

namespace passthrough {
namespace {

// `text` in quotes on one line, cut where it is long.
std::string Quoted(std::string_view text) {
  constexpr size_t kMost = 80;
  std::string shown = Printable(text.substr(0, kMost));
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  return fmt::format("\"{}{}\"", shown, text.size() > kMost ? "…" : "");
}

// "is 0", "is "lots"", "is a list": what stands there.
std::string Found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "has no value";
    case YamlNode::Kind::kSequence:
      return node.items.empty() ? "is an empty list" : "is a list";
    case YamlNode::Kind::kMap:
      return "is a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (node.is_text) return fmt::format("is {}", Quoted(node.text));
  if (ResolvePlainScalar(node.text) == PlainScalar::kText) {
    return fmt::format("is {}", Quoted(node.text));
  }
  return fmt::format("is {}", Printable(node.text.substr(0, 80)));
}

std::string AllowedNumber(int least, int most) {
  if (most == kNoLimit) return fmt::format("a whole number of at least {}", least);
  return fmt::format("a whole number from {} to {}", least, most);
}

// "a, b or c", each in quotes.
std::string Choice(std::initializer_list<std::string_view> words) {
  std::string joined;
  size_t i = 0;
  for (const std::string_view word : words) {
    if (i > 0) joined += i + 1 == words.size() ? " or " : ", ";
    joined += Quoted(word);
    ++i;
  }
  return joined;
}

}  // namespace

void ProblemList::ThrowIfAny() {
  if (problems.empty()) return;
  std::stable_sort(problems.begin(), problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  });
  // A value that an alias repeats is wrong once.
  problems.erase(
      std::unique(problems.begin(), problems.end(),
                  [](const ConfigProblem& a, const ConfigProblem& b) { return a.ToString() == b.ToString(); }),
      problems.end());
  throw ConfigError(std::move(problems));
}

void YamlValue::Problem(std::string message) const {
  problems_->problems.push_back({where(), path_, std::move(message)});
}

void YamlValue::Note(std::string message) const { problems_->notes.push_back({where(), path_, std::move(message)}); }

void YamlValue::Wrong(std::string_view allowed) const {
  Problem(fmt::format("{}; must be {}", Found(*node_), allowed));
}

std::optional<std::string> YamlValue::Text(std::string_view allowed) const {
  if (node_->kind != YamlNode::Kind::kScalar) {
    Wrong(allowed);
    return std::nullopt;
  }
  const PlainScalar kind = ResolvePlainScalar(node_->text);
  if (!node_->is_text && kind != PlainScalar::kText) {
    Problem(fmt::format("{}, which YAML reads as {}; must be {}: put it in quotes", Found(*node_), ToString(kind),
                        allowed));
    return std::nullopt;
  }
  if (node_->text.empty()) {
    Problem(fmt::format("is empty; must be {}", allowed));
    return std::nullopt;
  }
  return node_->text;
}

std::optional<std::string> YamlValue::AsWritten(std::string_view allowed) const {
  if (node_->kind == YamlNode::Kind::kScalar) return node_->text;
  Wrong(allowed);
  return std::nullopt;
}

std::optional<int> YamlValue::WholeNumber(int least, int most) const {
  const std::string allowed = AllowedNumber(least, most);
  const std::string_view digits = node_->text;
  const bool decimal = node_->kind == YamlNode::Kind::kScalar && !digits.empty() &&
                       digits.find_first_not_of("0123456789") == std::string_view::npos &&
                       (digits.size() == 1 || digits[0] != '0');
  if (decimal && node_->is_text) {
    Problem(fmt::format("{} in quotes, which is text; must be {}: take the quotes away", Found(*node_), allowed));
    return std::nullopt;
  }
  int value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (!decimal || (parsed.ec == std::errc() && value < least)) {
    Wrong(allowed);
    return std::nullopt;
  }
  if (parsed.ec != std::errc() || value > most) {
    Wrong(fmt::format("a whole number from {} to {}", least, most));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> YamlValue::Bool() const {
  if (node_->kind == YamlNode::Kind::kScalar && ResolvePlainScalar(node_->text) == PlainScalar::kBool) {
    if (!node_->is_text) return IsTrueWord(node_->text);
    Problem(fmt::format("{} in quotes, which is text; must be true or false: take the quotes away", Found(*node_)));
    return std::nullopt;
  }
  Wrong("true or false");
  return std::nullopt;
}

std::optional<std::string> YamlValue::OneOf(std::initializer_list<std::string_view> words) const {
  const auto text = Text(Choice(words));
  if (!text) return std::nullopt;
  if (std::find(words.begin(), words.end(), *text) != words.end()) return text;
  Wrong(Choice(words));
  return std::nullopt;
}

std::optional<std::vector<YamlValue>> YamlValue::Items(std::string_view allowed) const {
  if (node_->kind != YamlNode::Kind::kSequence) {
    Wrong(allowed);
    return std::nullopt;
  }
  std::vector<YamlValue> items;
  items.reserve(node_->items.size());
  for (size_t i = 0; i < node_->items.size(); ++i) {
    items.emplace_back(node_->items[i], fmt::format("{}[{}]", path_, i), *problems_);
  }
  return items;
}

YamlMap::YamlMap(const YamlValue& value, std::string_view allowed)
    : value_(value), is_map_(value.node().kind == YamlNode::Kind::kMap) {
  if (!is_map_) value.Wrong(allowed);
}

std::optional<YamlValue> YamlMap::Find(std::string_view key, Need need, std::string_view allowed, bool null_too) {
  known_.emplace_back(key);
  const size_t rank = Rank(key);
  if (rank == value_.node().entries.size()) {
    if (need == Need::kRequired) missing_.push_back({std::string(key), std::string(allowed)});
    return std::nullopt;
  }
  YamlValue found(value_.node().entries[rank].value, JoinFieldPath(value_.path(), key), value_.problems());
  if (found.node().kind == YamlNode::Kind::kNull && !null_too) {
    found.Wrong(allowed);
    return std::nullopt;
  }
  return found;
}

std::optional<std::string> YamlMap::Text(std::string_view key, Need need, std::string_view allowed) {
  const auto found = Find(key, need, allowed);
  return found ? found->Text(allowed) : std::nullopt;
}

std::optional<int> YamlMap::WholeNumber(std::string_view key, Need need, int least, int most) {
  const auto found = Find(key, need, AllowedNumber(least, most));
  return found ? found->WholeNumber(least, most) : std::nullopt;
}

std::optional<bool> YamlMap::Bool(std::string_view key, Need need) {
  const auto found = Find(key, need, "true or false");
  return found ? found->Bool() : std::nullopt;
}

std::optional<std::string> YamlMap::OneOf(std::string_view key, Need need,
                                          std::initializer_list<std::string_view> words) {
  const auto found = Find(key, need, Choice(words));
  return found ? found->OneOf(words) : std::nullopt;
}

std::vector<YamlValue> YamlMap::Items(std::string_view key, Need need, std::string_view allowed) {
  const auto found = Find(key, need, allowed);
  if (!found) return {};
  return found->Items(allowed).value_or(std::vector<YamlValue>());
}

size_t YamlMap::Rank(std::string_view key) const {
  const auto& entries = value_.node().entries;
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return static_cast<size_t>(found - entries.begin());
}

void YamlMap::Finish() {
  if (!is_map_) return;
  auto& problems = value_.problems();
  for (const YamlEntry& entry : value_.node().entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const std::string nearest = Nearest(entry.key, known_);
    const std::string hint = nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
    problems.problems.push_back({{problems.file, entry.line, entry.column},
                                 value_.path(),
                                 fmt::format("unknown key {}{}{} allowed: {}", Quoted(entry.key), hint,
                                             hint.empty() ? ";" : "", fmt::join(known_, ", "))});
    // A misspelt key is one mistake, not two.
    std::erase_if(missing_, [&](const Missing& missing) { return missing.key == nearest; });
  }
  ReportMissing();
}

void YamlMap::FinishOpen() {
  if (!is_map_) return;
  auto& problems = value_.problems();
  for (const YamlEntry& entry : value_.node().entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const std::string nearest = Nearest(entry.key, known_);
    const auto lacks = [&](const Missing& missing) { return missing.key == nearest; };
    const SourcePosition where{problems.file, entry.line, entry.column};
    if (std::any_of(missing_.begin(), missing_.end(), lacks)) {  // a misspelt key is one mistake, not two
      std::erase_if(missing_, lacks);
      problems.problems.push_back({where, value_.path(),
                                   fmt::format("unknown key {}; did you mean \"{}\"? allowed: {}", Quoted(entry.key),
                                               nearest, fmt::join(known_, ", "))});
      continue;
    }
    problems.notes.push_back(
        {where, value_.path(),
         fmt::format("unknown key {}, which is accepted and not used{}; known: {}", Quoted(entry.key),
                     nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest), fmt::join(known_, ", "))});
  }
  ReportMissing();
}

void YamlMap::ReportMissing() {
  for (const Missing& missing : missing_) {
    value_.problems().problems.push_back({value_.where(), JoinFieldPath(value_.path(), missing.key),
                                          fmt::format("is missing; must be {}", missing.allowed)});
  }
}

std::vector<std::string> Texts(const std::vector<YamlValue>& items) {
  std::vector<std::string> texts;
  for (const YamlValue& item : items) {
    if (auto text = item.Text()) texts.push_back(*std::move(text));
  }
  return texts;
}

}  // namespace passthrough
