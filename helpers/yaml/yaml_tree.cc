#include "helpers/yaml/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "helpers/base/text.h"
#include "helpers/yaml/yaml_source.h"

namespace passthrough {
namespace {

constexpr size_t kMostDepth = 32;
constexpr size_t kMostValues = 100'000;
constexpr size_t kMostKeys = 1000;  // of one map; keys are compared with each other

// A comment put behind the file's text. yaml-cpp ends a quote that nobody closed at the file's end
// without a word; such a quote has swallowed the comment.
constexpr std::string_view kEndMark = "# end of file 7c1be2a0f4d94e58";

// Builds the tree from yaml-cpp's events, which unlike its nodes keep duplicate keys and positions.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const YamlSource& source) : source_(source) {}

  YamlNode TakeRoot() { return std::move(root_); }
  std::vector<ConfigProblem> TakeProblems() { return std::move(problems_); }
  // Where the last scalar began; null_mark() before the first.
  const YAML::Mark& last_scalar() const { return last_scalar_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Deliver(NewNode(YamlNode::Kind::kNull, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      source_.Fail(Position(mark), "an alias stands for a value that holds it");
    }
    CountValues(found->second.values, mark);
    YamlNode copy = found->second.node;
    const SourcePosition position = Position(mark);
    copy.line = position.line;
    copy.column = position.column;
    Deliver(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (value.find(kEndMark) != std::string::npos) {
      source_.Fail(Position(mark), "not valid YAML: a quote that begins here is never closed");
    }
    last_scalar_ = mark;
    YamlNode node = NewNode(YamlNode::Kind::kScalar, mark);
    node.text = value;
    // yaml-cpp's tags: "?" for plain text without one, "!" for quoted text and blocks.
    node.is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!node.is_text) RefuseTag(tag, mark);
    Deliver(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (tag != "tag:yaml.org,2002:seq") RefuseTag(tag, mark);
    Open(NewNode(YamlNode::Kind::kSequence, mark), anchor, mark);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (tag != "tag:yaml.org,2002:map") RefuseTag(tag, mark);
    Open(NewNode(YamlNode::Kind::kMap, mark), anchor, mark);
  }
  void OnMapEnd() override {
    Merge(open_.back());
    Close();
  }

 private:
  // A map or sequence whose end has not been seen.
  struct Unfinished {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::string path;
    size_t values_before = 0;
    // In a map between a key and its value:
    bool has_key = false;
    bool drop_value = false;  // the key was no good, and that has been reported
    YamlEntry entry;
    std::vector<YamlNode> merges;
  };

  struct Anchored {
    YamlNode node;
    size_t values = 0;
  };

  SourcePosition Position(const YAML::Mark& mark) const { return source_.Position(mark.line, mark.column); }

  YamlNode NewNode(YamlNode::Kind kind, const YAML::Mark& mark) {
    CountValues(1, mark);
    const SourcePosition position = Position(mark);
    YamlNode node;
    node.kind = kind;
    node.line = position.line;
    node.column = position.column;
    return node;
  }

  void CountValues(size_t more, const YAML::Mark& mark) {
    values_ += more;
    if (values_ > kMostValues) {
      source_.Fail(Position(mark), fmt::format("more than {} values, with aliases expanded", kMostValues));
    }
  }

  void Open(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (open_.size() >= kMostDepth) {
      source_.Fail(Position(mark), fmt::format("more than {} levels deep", kMostDepth));
    }
    Unfinished unfinished;
    unfinished.path = NextPath();
    unfinished.node = std::move(node);
    unfinished.anchor = anchor;
    unfinished.values_before = values_ - 1;
    open_.push_back(std::move(unfinished));
  }

  void Close() {
    Unfinished done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = {done.node, values_ - done.values_before};
    Place(std::move(done.node));
  }

  void Deliver(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = {node, 1};
    Place(std::move(node));
  }

  // Puts a finished value where it belongs: the root, an item, a key or a key's value.
  void Place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Unfinished& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      PlaceKey(parent, node);
    } else {
      PlaceValue(parent, std::move(node));
    }
  }

  void PlaceKey(Unfinished& parent, const YamlNode& key) {
    parent.has_key = true;
    parent.drop_value = false;
    parent.entry = {key.text, key.line, key.column, {}};
    if (key.kind != YamlNode::Kind::kScalar) {
      Problem(parent.entry, parent.path, "has a key that is not text");
      parent.drop_value = true;
      return;
    }
    if (IsMergeKey(parent.entry)) return;
    const auto& entries = parent.node.entries;
    const auto first =
        std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key.text; });
    if (first == entries.end()) return;
    Problem(parent.entry, JoinFieldPath(parent.path, key.text),
            fmt::format("is given twice: the first time in line {}", first->line));
    parent.drop_value = true;
  }

  void PlaceValue(Unfinished& parent, YamlNode value) {
    parent.has_key = false;
    if (parent.drop_value) return;
    // yaml-cpp puts a value that is not there at whatever comes next: its key is a better place.
    if (value.kind == YamlNode::Kind::kNull) {
      value.line = parent.entry.line;
      value.column = parent.entry.column;
    }
    if (IsMergeKey(parent.entry)) {
      AddMerge(parent, std::move(value));
      return;
    }
    parent.entry.value = std::move(value);
    AddEntry(parent, std::move(parent.entry));
  }

  void AddEntry(Unfinished& map, YamlEntry entry) const {
    if (map.node.entries.size() >= kMostKeys) {
      source_.Fail({source_.file(), map.node.line, map.node.column},
                   fmt::format("a map with more than {} keys", kMostKeys));
    }
    map.node.entries.push_back(std::move(entry));
  }

  // "<<" of https://yaml.org/type/merge.html: a map, or a list of maps of which earlier ones win.
  static bool IsMergeKey(const YamlEntry& entry) { return entry.key == "<<"; }

  void AddMerge(Unfinished& parent, YamlNode value) {
    std::vector<YamlNode> maps;
    if (value.kind == YamlNode::Kind::kSequence) {
      maps = std::move(value.items);
    } else {
      maps.push_back(std::move(value));
    }
    for (YamlNode& map : maps) {
      if (map.kind == YamlNode::Kind::kMap) {
        parent.merges.push_back(std::move(map));
      } else {
        Problem(parent.entry, JoinFieldPath(parent.path, "<<"),
                "merges something that is not a map; must be an alias of a map, or a list of them");
      }
    }
  }

  void Merge(Unfinished& map) const {
    for (YamlNode& merged : map.merges) {
      for (YamlEntry& entry : merged.entries) {
        const auto& own = map.node.entries;
        const bool known =
            std::any_of(own.begin(), own.end(), [&](const YamlEntry& other) { return other.key == entry.key; });
        if (!known) AddEntry(map, std::move(entry));
      }
    }
  }

  void RefuseTag(const std::string& tag, const YAML::Mark& mark) {
    if (tag.empty() || tag == "?") return;
    problems_.push_back(
        {Position(mark), NextPath(),
         fmt::format("has the tag \"{}\"; tags other than !!str are not allowed", Printable(tag.substr(0, 60)))});
  }

  void Problem(const YamlEntry& at, std::string path, std::string message) {
    problems_.push_back({{source_.file(), at.line, at.column}, std::move(path), std::move(message)});
  }

  // The path of the value that comes next.
  std::string NextPath() const {
    if (open_.empty()) return "";
    const Unfinished& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      return fmt::format("{}[{}]", parent.path, parent.node.items.size());
    }
    return parent.has_key ? JoinFieldPath(parent.path, parent.entry.key) : parent.path;
  }

  const YamlSource& source_;
  YamlNode root_;
  std::vector<ConfigProblem> problems_;
  std::vector<Unfinished> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t values_ = 0;
  YAML::Mark last_scalar_ = YAML::Mark::null_mark();
};

// Sees only that there is another document, and where.
class SecondDocument : public YAML::EventHandler {
 public:
  explicit SecondDocument(const YamlSource& source) : source_(source) {}
  void OnDocumentStart(const YAML::Mark& mark) override {
    source_.Fail(source_.Position(mark.line, mark.column),
                 "a second YAML document begins here; a file has exactly one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  const YamlSource& source_;
};

// What yaml-cpp's shortest messages mean, in the words of the person who wrote the file.
std::string Explain(const YAML::Exception& error, const YAML::Mark& last_scalar, const YamlSource& source) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static const std::array<Pair, 6> kMeanings = {{
      {YAML::ErrorMsg::MAP_VALUE, "check the indentation, and put text with \": \" in quotes"},
      {YAML::ErrorMsg::MAP_KEY, "check the indentation"},
      {YAML::ErrorMsg::BLOCK_ENTRY, "check the indentation of the \"-\""},
      {YAML::ErrorMsg::END_OF_MAP, "check the indentation"},
      {YAML::ErrorMsg::END_OF_SEQ, "check the indentation"},
      {YAML::ErrorMsg::UNKNOWN_TOKEN, "put text that begins with such a character in quotes"},
  }};
  // yaml-cpp 0.8 puts the anchor's name behind, 0.7 does not; the place says which it is.
  constexpr std::string_view kUnknownAnchor = "the referenced anchor is not defined";
  const std::string_view said = error.msg.starts_with(kUnknownAnchor) ? kUnknownAnchor : std::string_view(error.msg);
  std::string text = "not valid YAML: " + Printable(said);
  if (last_scalar.line >= 0 && last_scalar.line < error.mark.line &&
      source.OpensQuote(last_scalar.line, last_scalar.column)) {
    return text + fmt::format(": a quote that begins in line {} ends only here", last_scalar.line + 1);
  }
  if (source.HasTabInIndent(error.mark.line)) {
    return text + ": a tab in the indentation, where only spaces are allowed";
  }
  for (const auto& [message, meaning] : kMeanings) {
    if (error.msg == message) text += fmt::format(": {}", meaning);
  }
  return text;
}

}  // namespace

std::string JoinFieldPath(std::string_view parent, std::string_view key) {
  constexpr size_t kMostKey = 60;
  std::string printable = Printable(key.substr(0, kMostKey));
  std::replace(printable.begin(), printable.end(), '\n', ' ');
  if (key.size() > kMostKey) printable += "…";
  return parent.empty() ? printable : fmt::format("{}.{}", parent, printable);
}

YamlDocument ReadYaml(const std::filesystem::path& path) {
  const YamlSource source(path);
  TreeBuilder builder(source);
  try {
    std::istringstream input(fmt::format("{}\n{}\n", source.text(), kEndMark));
    YAML::Parser parser(input);
    if (!parser.HandleNextDocument(builder)) source.Fail("is empty; must be a YAML map");
    SecondDocument second(source);
    parser.HandleNextDocument(second);
  } catch (const YAML::Exception& error) {
    source.Fail(source.Position(error.mark.line, error.mark.column), Explain(error, builder.last_scalar(), source));
  }
  YamlDocument document{source.file(), builder.TakeRoot(), builder.TakeProblems()};
  if (document.root.kind == YamlNode::Kind::kNull) source.Fail("is empty; must be a YAML map");
  if (document.root.kind != YamlNode::Kind::kMap) {
    source.Fail(fmt::format("is {} at its top; must be a YAML map",
                            document.root.kind == YamlNode::Kind::kScalar ? "text" : "a list"));
  }
  return document;
}

}  // namespace passthrough
