// A YAML file as a tree of its own, with the place of every value. The only file that names
// yaml-cpp is this one's source.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/yaml/config_error.h"

namespace passthrough {

struct YamlEntry;

// A value. Aliases are replaced by what they stand for, and merge keys ("<<") by what they bring.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };

  Kind kind = Kind::kNull;
  std::string text;      // of a scalar, as written
  bool is_text = false;  // a scalar that is text for sure: in quotes, a block, or tagged !!str
  int line = 0;          // both count from 1, columns in characters
  int column = 0;
  std::vector<YamlNode> items;     // of a sequence
  std::vector<YamlEntry> entries;  // of a map, in the file's order, each key once
};

struct YamlEntry {
  std::string key;
  int line = 0;  // of the key
  int column = 0;
  YamlNode value;
};

// "parent.key", or "key" at the top. The key is cut where it is very long, and made printable.
std::string JoinFieldPath(std::string_view parent, std::string_view key);

// What ReadYaml found wrong, and what it could read all the same.
struct YamlDocument {
  std::string file;  // for SourcePosition::file
  YamlNode root;
  std::vector<ConfigProblem> problems;  // duplicate keys, keys that are no text, unknown tags
};

// Reads one YAML document with a map at its top. Bounded: 1 MiB, lines of 4096 bytes, a depth of
// 32, 1000 keys a map, and 100,000 values with aliases expanded. Throws ConfigError for what leaves
// no tree: a file that cannot be read, is empty, is not UTF-8 text, not YAML, not a map, or has a
// second document.
YamlDocument ReadYaml(const std::filesystem::path& path);

}  // namespace passthrough
