#include "helpers/config/variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLevels = 10;         // upwards to a .git; of defaults in defaults
constexpr size_t kMostExpanded = 4096;  // bytes of one text: as long as a line of the file may be

bool StartsName(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsOfName(char c) { return StartsName(c) || (c >= '0' && c <= '9'); }

std::string_view NameAtStartOf(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && (length == 0 ? StartsName(text[0]) : IsOfName(text[length]))) ++length;
  return text.substr(0, length);
}

// The position of the "}" that ends what begins behind a "${"; npos where there is none.
size_t EndOfBraces(std::string_view text) {
  int open = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) ++open;
    if (text[i] == '}' && --open == 0) return i;
  }
  return std::string_view::npos;
}

class Expansion {
 public:
  Expansion(fs::path file, const VariableLookup& lookup, ProblemList& problems)
      : file_(std::move(file)), lookup_(lookup), problems_(problems) {}

  void Expand(YamlNode& node, const std::string& path) {
    for (size_t i = 0; i < node.items.size(); ++i) Expand(node.items[i], fmt::format("{}[{}]", path, i));
    for (YamlEntry& entry : node.entries) Expand(entry.value, JoinFieldPath(path, entry.key));
    if (node.kind != YamlNode::Kind::kScalar || node.text.find('$') == std::string::npos) return;
    node_ = &node;
    path_ = path;
    failed_ = false;
    const std::string text = TextOf(node.text, 0);
    if (!failed_ && text.size() > kMostExpanded) {
      Problem(fmt::format("is {} bytes with its variables expanded; must be at most {}", text.size(), kMostExpanded));
    }
    if (failed_) return;
    node.text = text;
    node.is_text = true;  // what ai-how expands stays text, whatever it looks like
  }

  std::map<std::string, std::string> TakeUsed() { return std::move(used_); }

 private:
  std::string TextOf(std::string_view text, int level) {
    std::string expanded;
    while (!text.empty() && !failed_ && expanded.size() <= kMostExpanded) {
      const size_t special = std::min(text.find('$'), text.find("\\$"));
      expanded += text.substr(0, special);
      if (special == std::string_view::npos) break;
      text.remove_prefix(special);
      if (text.starts_with("\\$") || text.starts_with("$$")) {
        expanded += '$';
        text.remove_prefix(2);
        continue;
      }
      text.remove_prefix(1);
      if (text.starts_with('{')) {
        text.remove_prefix(1);
        const size_t end = EndOfBraces(text);
        if (end == std::string_view::npos) {
          Problem("has a \"${\" that no \"}\" ends");
          break;
        }
        expanded += Braces(text.substr(0, end), level);
        text.remove_prefix(end + 1);
        continue;
      }
      const std::string_view name = NameAtStartOf(text);
      text.remove_prefix(name.size());
      expanded += name.empty() ? "$" : Required(std::string(name));
    }
    return expanded;
  }

  // What stands between "${" and "}".
  std::string Braces(std::string_view inside, int level) {
    const std::string name(NameAtStartOf(inside));
    std::string_view rest = inside.substr(name.size());
    if (!name.empty() && rest.empty()) return Required(name);
    const bool empty_counts_as_unset = rest.starts_with(':');
    if (empty_counts_as_unset) rest.remove_prefix(1);
    if (name.empty() || rest.empty() || std::string_view("-=?+").find(rest[0]) == std::string_view::npos) {
      Problem(fmt::format("has \"${{{}}}\"; must be ${{NAME}}, or ${{NAME:-text}} with one of - = ? +",
                          Printable(inside.substr(0, 60))));
      return "";
    }
    if (level == kMostLevels) {
      Problem(fmt::format("has defaults in defaults, more than {} deep", kMostLevels));
      return "";
    }
    const auto value = Value(name);
    const bool is_set = value && !(empty_counts_as_unset && value->empty());
    const std::string_view word = rest.substr(1);
    if (rest[0] == '+') {
      if (!is_set) return "";
      Use(name, *value);
      return TextOf(word, level + 1);
    }
    if (is_set) return Use(name, *value);
    if (rest[0] == '?') {
      Problem(fmt::format("has the variable {}, which is not set in the environment: {}", name,
                          word.empty() ? "it must be" : Printable(word.substr(0, 200))));
      return "";
    }
    std::string text = TextOf(word, level + 1);
    if (rest[0] == '=') assigned_[name] = text;
    return text;
  }

  std::string Required(const std::string& name) {
    if (const auto value = Value(name)) return Use(name, *value);
    Problem(fmt::format(
        "has the variable {0}, which is not set in the environment; set it, or write ${{{0}:-a default}}", name));
    return "";
  }

  std::string Use(const std::string& name, const std::string& value) {
    if (Printable(value) != value || value.find('\n') != std::string::npos) {
      Problem(fmt::format("has the variable {}, whose value has control characters, or is not UTF-8", name));
      return "";
    }
    return used_[name] = value;
  }

  std::optional<std::string> Value(const std::string& name) const {
    if (const auto assigned = assigned_.find(name); assigned != assigned_.end()) return assigned->second;
    if (lookup_) return lookup_(name);
    std::error_code ignored;
    if (name == "TOT") return ProjectDirectoryOf(file_).string();
    if (name == "PWD") return fs::current_path(ignored).string();
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  void Problem(std::string message) {
    failed_ = true;
    problems_.problems.push_back({{problems_.file, node_->line, node_->column}, path_, std::move(message)});
  }

  const fs::path file_;
  const VariableLookup& lookup_;
  ProblemList& problems_;
  const YamlNode* node_ = nullptr;  // the text under way
  std::string path_;
  bool failed_ = false;
  std::map<std::string, std::string> used_;
  std::map<std::string, std::string> assigned_;  // by ${NAME:=text}
};

}  // namespace

fs::path ProjectDirectoryOf(const fs::path& file) {
  fs::path directory = file.parent_path();
  std::error_code ignored;
  for (int level = 0; level < kMostLevels; ++level) {
    if (fs::exists(directory / ".git", ignored)) return directory;
    if (directory == directory.parent_path()) break;
    directory = directory.parent_path();
  }
  return file.parent_path();
}

std::map<std::string, std::string> ExpandVariables(YamlNode& root, const fs::path& file, const VariableLookup& lookup,
                                                   ProblemList& problems) {
  Expansion expansion(file, lookup, problems);
  expansion.Expand(root, "");
  return expansion.TakeUsed();
}

std::string WriteVariables(const std::map<std::string, std::string>& variables) {
  std::string text;
  for (const auto& [name, value] : variables) text += fmt::format("{}={}\n", name, value);
  return text;
}

std::map<std::string, std::string> ReadVariables(std::string_view text) {
  std::map<std::string, std::string> variables;
  for (const std::string_view line : SplitLines(text)) {
    const size_t equals = line.find('=');
    if (equals != std::string_view::npos) variables[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return variables;
}

}  // namespace passthrough
