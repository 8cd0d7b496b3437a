#include "helpers/config/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "helpers/config/plan.h"
#include "tests/config/test_file.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Pair;

// A file whose description, in line 2 at column 32, is `text`.
std::string FileWith(const std::string& text) {
  return "version: '1.0'\nmetadata: {name: t, description: " + text +
         "}\nclusters:\n  hpc:\n    name: one\n"
         "    network: {subnet: 10.1.0.0/24, bridge: virbr1}\n"
         "    slurm_config: {partitions: [p], default_partition: p}\n"
         "    controller: {cpu_cores: 2, memory_gb: 4, disk_gb: 20, ip_address: 10.1.0.10}\n";
}

std::optional<std::string> Lookup(const std::string& name) {
  if (name == "A") return "alpha";
  if (name == "EMPTY") return "";
  if (name == "NUMBER") return "20";
  if (name == "BAD") return "two\nlines";
  if (name == "LONG") return std::string(5000, 'x');
  return std::nullopt;
}

std::string Expanded(const std::string& text) {
  return LoadClusterFile(TestFile(FileWith("'" + text + "'")).path(), Lookup).description;
}

std::string Problems(const std::string& text) {
  const TestFile file(FileWith(text));
  return ProblemsOf(file.path(), [&] { LoadClusterFile(file.path(), Lookup); });
}

TEST(VariablesTest, AreExpandedAsBashDoes) {
  EXPECT_EQ(Expanded("$A"), "alpha");
  EXPECT_EQ(Expanded("${A}"), "alpha");
  EXPECT_EQ(Expanded("x/${A}/$A.y"), "x/alpha/alpha.y");
  EXPECT_EQ(Expanded("${NONE:-text}"), "text");
  EXPECT_EQ(Expanded("${NONE-text}"), "text");
  EXPECT_EQ(Expanded("${EMPTY:-text}"), "text");
  EXPECT_EQ(Expanded("x${EMPTY-text}y"), "xy");
  EXPECT_EQ(Expanded("${NONE:-${A}/b}"), "alpha/b");
  EXPECT_EQ(Expanded("${NONE:=text} $NONE"), "text text");
  EXPECT_EQ(Expanded("${A:+set}x"), "setx");
  EXPECT_EQ(Expanded("${EMPTY:+set}x"), "x");
  EXPECT_EQ(Expanded("${A:?why}"), "alpha");
}

TEST(VariablesTest, ADollarThatIsNoneStays) {
  EXPECT_EQ(Expanded("5 $ or 5$"), "5 $ or 5$");
  EXPECT_EQ(Expanded("$$A"), "$A");
  EXPECT_EQ(Expanded("\\$A"), "$A");
}

TEST(VariablesTest, OneThatIsNotSetIsAnErrorWithFileLineAndName) {
  EXPECT_EQ(
      Problems("'${NO_SUCH}'"),
      "FILE:2:34: metadata.description: has the variable NO_SUCH, which is not set in the environment; set it, or "
      "write ${NO_SUCH:-a default}\n");
  EXPECT_EQ(Problems("'${NO_SUCH:?ask an admin}'"),
            "FILE:2:34: metadata.description: has the variable NO_SUCH, which is not set in the environment: ask an "
            "admin\n");
  EXPECT_THAT(Problems("'${A'"), testing::HasSubstr("\"${\" that no \"}\" ends"));
  EXPECT_THAT(Problems("'${#A}'"), testing::HasSubstr("has \"${#A}\"; must be ${NAME}"));
  EXPECT_THAT(Problems("'$BAD'"), testing::HasSubstr("control characters"));
  EXPECT_THAT(Problems("'$LONG'"), testing::HasSubstr("must be at most 4096"));
}

// All problems of a file at once, whichever kind they are of.
TEST(VariablesTest, EachThatIsNotSetIsToldBesideTheOtherProblems) {
  const TestFile file("version: 1.0\nglobal: {a: [x, '$ONE']}\nmetadata: {name: $TWO, description: d}\nclusters: {}\n");
  const std::string problems = ProblemsOf(file.path(), [&] { LoadClusterFile(file.path(), Lookup); });
  EXPECT_THAT(problems, testing::AllOf(testing::HasSubstr("FILE:1:10: version"),
                                       testing::HasSubstr("FILE:2:17: global.a[1]: has the variable ONE"),
                                       testing::HasSubstr("FILE:3:18: metadata.name: has the variable TWO"),
                                       testing::HasSubstr("FILE:4:11: clusters")));
}

// As for ai-how, whose schema wants a number there.
TEST(VariablesTest, WhatIsExpandedIsText) {
  std::string text = FileWith("d");
  text.replace(text.find("disk_gb: 20"), 11, "disk_gb: $NUMBER");
  const TestFile file(text);
  EXPECT_THAT(ProblemsOf(file.path(), [&] { LoadClusterFile(file.path(), Lookup); }),
              testing::HasSubstr("disk_gb: is \"20\" in quotes, which is text"));
}

TEST(VariablesTest, TheEnvironmentIsAskedWhereNothingElseIsGiven) {
  setenv("PASSTHROUGH_TEST_VARIABLE", "of the environment", 1);
  const auto here = [](const std::string& text) {
    return LoadClusterFile(TestFile(FileWith(text)).path()).description;
  };
  EXPECT_EQ(here("$PASSTHROUGH_TEST_VARIABLE"), "of the environment");
  EXPECT_EQ(Expanded("${PASSTHROUGH_TEST_VARIABLE:-none}"), "none") << "a replay goes by what was set then";
  unsetenv("PASSTHROUGH_TEST_VARIABLE");
  EXPECT_EQ(here("$PWD"), fs::current_path().string());
}

TEST(VariablesTest, TotIsTheNearestDirectoryAboveWithAGit) {
  const TemporaryDirectory directory("tot");
  const fs::path root = directory.path();
  fs::create_directories(root / "config/deep");
  const fs::path file = root / "config/deep/c.yaml";
  EXPECT_EQ(ProjectDirectoryOf(file), root / "config/deep") << "where no .git is above";
  fs::create_directories(root / ".git");
  EXPECT_EQ(ProjectDirectoryOf(file), root);
  WriteFile(root / "config/.git", "gitdir: elsewhere\n");  // as in a worktree
  EXPECT_EQ(ProjectDirectoryOf(file), root / "config");
  WriteFile(file, FileWith("'${TOT}/images'"));
  EXPECT_EQ(LoadClusterFile(file).description, (root / "config/images").string());
}

// A replay reads the run's copy of the file, elsewhere and in another environment.
TEST(VariablesTest, WhatTheyStoodForIsKeptAndReadBack) {
  const ClusterFile file = LoadClusterFile(TestFile(FileWith("'$A ${NONE:-x} $EMPTY'")).path(), Lookup);
  EXPECT_THAT(file.variables, ElementsAre(Pair("A", "alpha"), Pair("EMPTY", "")));
  EXPECT_EQ(MakePlan(file).variables, file.variables);
  EXPECT_EQ(ReadVariables(WriteVariables(file.variables)), file.variables);
  EXPECT_THAT(ReadVariables("A=b=c\nno line\n"), ElementsAre(Pair("A", "b=c")));
}

}  // namespace
}  // namespace passthrough
