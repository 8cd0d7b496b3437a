// Strict reading of a YAML tree. Each thing that is wrong is noted with its place, what was found
// and what is allowed, and reading goes on, so that a person sees all problems of a file at once.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/yaml/config_error.h"
#include "helpers/yaml/yaml_tree.h"

namespace passthrough {

// The problems of one file, in the order in which they were noticed.
struct ProblemList {
  std::string file;
  std::vector<ConfigProblem> problems;
  std::vector<ConfigProblem> notes{};  // what is accepted, and worth a word

  // Throws ConfigError with the problems in the file's order, if there are any.
  void ThrowIfAny();
};

// The largest whole number that a file may give where nothing else limits it.
inline constexpr int kNoLimit = 1'000'000;

// One value with its path. Valid as long as the tree and the list that it was made from. The
// functions that return an optional have noted a problem where they return nullopt.
class YamlValue {
 public:
  YamlValue(const YamlNode& node, std::string path, ProblemList& problems)
      : node_(&node), path_(std::move(path)), problems_(&problems) {}

  const YamlNode& node() const { return *node_; }
  const std::string& path() const { return path_; }
  ProblemList& problems() const { return *problems_; }
  SourcePosition where() const { return {problems_->file, node_->line, node_->column}; }

  // Notes `message` against this value.
  void Problem(std::string message) const;
  // Adds `message` to the notes: the value is accepted.
  void Note(std::string message) const;
  // Notes "<what was found>; must be <allowed>".
  void Wrong(std::string_view allowed) const;

  // Text, which may not be empty. Unquoted words that YAML 1.1 takes for something else are
  // refused, for ai-how would refuse them: `allowed` says what is wanted.
  std::optional<std::string> Text(std::string_view allowed = "text") const;
  // A word with or without quotes, as written: for ids such as 2684 and 10e1.
  std::optional<std::string> AsWritten(std::string_view allowed) const;
  // A decimal number without quotes.
  std::optional<int> WholeNumber(int least, int most = kNoLimit) const;
  std::optional<bool> Bool() const;
  std::optional<std::string> OneOf(std::initializer_list<std::string_view> words) const;
  // The items of a list.
  std::optional<std::vector<YamlValue>> Items(std::string_view allowed) const;

 private:
  const YamlNode* node_;
  std::string path_;
  ProblemList* problems_;
};

enum class Need { kRequired, kOptional };

// The keys of one map. Every key that the schema knows is asked for once, in the order in which
// help should list them; then Finish() notes keys that nobody asked for and required ones that are
// missing.
class YamlMap {
 public:
  // Notes a problem where `value` is no map; then every key counts as absent, silently.
  explicit YamlMap(const YamlValue& value, std::string_view allowed = "a map");

  // nullopt where the key is absent or has no value; the latter is noted, unless `null_too`, and
  // then a null is returned as a value.
  std::optional<YamlValue> Find(std::string_view key, Need need, std::string_view allowed, bool null_too = false);
  // Find and the function of YamlValue in one.
  std::optional<std::string> Text(std::string_view key, Need need, std::string_view allowed = "text");
  std::optional<int> WholeNumber(std::string_view key, Need need, int least, int most = kNoLimit);
  std::optional<bool> Bool(std::string_view key, Need need);
  std::optional<std::string> OneOf(std::string_view key, Need need, std::initializer_list<std::string_view> words);
  // Empty where the key is absent or wrong.
  std::vector<YamlValue> Items(std::string_view key, Need need, std::string_view allowed);

  // Where the key stands among the map's keys; the number of keys where it is absent.
  size_t Rank(std::string_view key) const;
  const YamlValue& value() const { return value_; }

  void Finish();
  // The same for a map that may have other keys, too: those go to the notes.
  void FinishOpen();

 private:
  struct Missing {
    std::string key;
    std::string allowed;
  };

  void ReportMissing();

  YamlValue value_;
  bool is_map_;
  std::vector<std::string> known_;
  std::vector<Missing> missing_;
};

// Each item of a list of texts; entries that are wrong are left out, and noted.
std::vector<std::string> Texts(const std::vector<YamlValue>& items);

}  // namespace passthrough
