#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "helpers/yaml/yaml_map.h"
#include "helpers/yaml/yaml_scalar.h"
#include "helpers/yaml/yaml_tree.h"
#include "tests/config/test_file.h"

namespace passthrough {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

YamlDocument Read(std::string_view text) { return ReadYaml(TestFile(text).path()); }

std::string FailureOf(std::string_view text) {
  const TestFile file(text);
  return ProblemsOf(file.path(), [&] { ReadYaml(file.path()); });
}

const YamlNode& At(const YamlNode& map, std::string_view key) {
  for (const YamlEntry& entry : map.entries) {
    if (entry.key == key) return entry.value;
  }
  throw Error("no key " + std::string(key));
}

TEST(YamlTreeTest, KeepsOrderTextAndPlaces) {
  const YamlDocument document = Read("b: 1\na:\n  - 'x'\n  - {c: d}\n");
  EXPECT_THAT(document.problems, IsEmpty());
  ASSERT_EQ(document.root.entries.size(), 2u);
  EXPECT_EQ(document.root.entries[0].key, "b");
  EXPECT_FALSE(document.root.entries[0].value.is_text);
  const YamlNode& list = document.root.entries[1].value;
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_TRUE(list.items[0].is_text);
  EXPECT_EQ(list.items[0].line, 3);
  EXPECT_EQ(list.items[0].column, 5);
  EXPECT_EQ(At(list.items[1], "c").column, 9);
}

TEST(YamlTreeTest, CountsColumnsInCharacters) {
  EXPECT_EQ(At(Read("é: 1\n").root, "é").column, 4);
  EXPECT_EQ(At(Read("\xef\xbb\xbf"
                    "a: 1\r\n")
                   .root,
               "a")
                .column,
            4)
      << "behind a byte order mark";
}

TEST(YamlTreeTest, ReplacesAliasesAndMergesMaps) {
  const YamlDocument document = Read(
      "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\n"
      "one: {<<: *base, x: 9}\nboth:\n  <<: [*base, *more]\nsame: *base\n");
  const YamlNode& one = At(document.root, "one");
  EXPECT_EQ(At(one, "x").text, "9") << "own keys win";
  EXPECT_EQ(At(one, "y").text, "2");
  const YamlNode& both = At(document.root, "both");
  EXPECT_EQ(At(both, "y").text, "2") << "the earlier map wins";
  EXPECT_EQ(At(both, "z").text, "4");
  EXPECT_EQ(both.entries.size(), 3u);
  EXPECT_EQ(At(document.root, "same").line, 6);
  EXPECT_THAT(document.problems, IsEmpty());
}

TEST(YamlTreeTest, QuotesThatEndInTimeAreNoProblem) {
  EXPECT_EQ(At(Read("a: \"two\n  lines\"").root, "a").text, "two lines");
  EXPECT_EQ(At(Read("a: |\n  text").root, "a").text, "text\n");
  EXPECT_EQ(At(Read("a: b # \"comment").root, "a").text, "b");
  EXPECT_EQ(FailureOf("a: 'b\n"), "FILE:1:4: not valid YAML: a quote that begins here is never closed\n");
}

TEST(YamlTreeTest, AQuoteClosedInItsLineIsNotBlamed) {
  EXPECT_EQ(FailureOf("a: \"b\"\n c: d\n"), "FILE:2:2: not valid YAML: end of map not found: check the indentation\n");
}

TEST(YamlTreeTest, IsBounded) {
  EXPECT_EQ(FailureOf(std::string((1u << 20) + 1, '#')), "FILE: cannot be read: larger than 1048576 bytes\n");
  EXPECT_EQ(FailureOf("a: 1\n#" + std::string(4096, 'x')), "FILE:2:1: is a line of 4097 bytes; must be at most 4096\n");
  std::string deep = "a: ";
  for (int i = 0; i < 10'000; ++i) deep += "[\n ";
  EXPECT_THAT(FailureOf(deep), HasSubstr("more than 32 levels deep"));
  EXPECT_THAT(FailureOf(std::string(4000, '-')), Not(IsEmpty()));
  std::string keys;
  for (int i = 0; i <= 1000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(FailureOf(keys), HasSubstr("a map with more than 1000 keys"));
  std::string items = "a:\n";
  for (int i = 0; i <= 100'000; ++i) items += "- 1\n";
  EXPECT_THAT(FailureOf(items), HasSubstr("more than 100000 values"));
}

TEST(YamlTreeTest, AFileThatIsNotThereIsOneProblem) {
  EXPECT_EQ(ProblemsOf("/nonexistent.yaml", [] { ReadYaml("/nonexistent.yaml"); }),
            "FILE: cannot be read: No such file or directory\n");
  EXPECT_EQ(ProblemsOf("/usr", [] { ReadYaml("/usr"); }), "FILE: cannot be read: Is a directory\n");
}

// The lists of https://yaml.org/type/, as ai-how's YAML library (PyYAML) resolves them.
TEST(YamlScalarTest, KnowsWhatYaml11MakesOfWordsWithoutQuotes) {
  const auto expect = [](PlainScalar kind, std::initializer_list<const char*> words) {
    for (const char* word : words) EXPECT_EQ(ResolvePlainScalar(word), kind) << word;
  };
  expect(PlainScalar::kNull, {"", "~", "null", "NULL"});
  expect(PlainScalar::kBool, {"yes", "No", "on", "OFF", "true", "False"});
  expect(PlainScalar::kNumber, {"0", "-12", "1_000", "010", "0x1F", "0b11", "1.0", "1.", ".5", "-1.5e+3", ".inf",
                                "-.INF", ".nan", "1:30", "4:00:00", "0000:01:00.0"});
  expect(PlainScalar::kDate, {"2025-01-31", "2025-01-31T10:00:00Z"});
  expect(PlainScalar::kText, {"y", "10de", "22bd", "10e1", "1e5", "1.0e5", "10.1.0.0", "10.1.0.0/24", "0xg", "1:300",
                              "0000:0a:00.0", "-", ".", "+", "_1", "2025-1-1", "nope", "4h", "1.2.3.4"});
}

TEST(YamlMapTest, SuggestsTheNearestKeyAndTellsAMistakeOnce) {
  const TestFile file("memory_bg: 1\ndisk: 2\n");
  const YamlDocument document = ReadYaml(file.path());
  ProblemList problems{"FILE", {}};
  YamlMap map(YamlValue(document.root, "node", problems));
  map.WholeNumber("memory_gb", Need::kRequired, 1);
  map.WholeNumber("disk_gb", Need::kRequired, 1);
  map.WholeNumber("cores", Need::kRequired, 1);
  map.Finish();
  EXPECT_EQ(ProblemsOf("FILE", [&] { problems.ThrowIfAny(); }),
            "FILE:1:1: node: unknown key \"memory_bg\"; did you mean \"memory_gb\"? allowed: memory_gb, "
            "disk_gb, cores\n"
            "FILE:1:1: node.disk_gb: is missing; must be a whole number of at least 1\n"
            "FILE:1:1: node.cores: is missing; must be a whole number of at least 1\n"
            "FILE:2:1: node: unknown key \"disk\"; allowed: memory_gb, disk_gb, cores\n");
}

TEST(YamlMapTest, ProblemsComeInTheFilesOrder) {
  ProblemList problems{"f", {}};
  problems.problems.push_back({{"f", 3, 1}, "c", "z"});
  problems.problems.push_back({{"f", 1, 9}, "a", "y"});
  problems.problems.push_back({{"f", 0, 0}, "", "x"});
  try {
    problems.ThrowIfAny();
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "f: x\nf:1:9: a: y\nf:3:1: c: z");
    EXPECT_EQ(error.problems().size(), 3u);
  }
}

}  // namespace
}  // namespace passthrough
