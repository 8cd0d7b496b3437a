// Every file of broken/ has beside it, as NAME.expected, all that its reader says about it. To add
// a case, write the YAML file, run this test once with PASSTHROUGH_WRITE_EXPECTED=1 in the
// environment, and read what it wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/profile.h"
#include "tests/config/test_file.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

const fs::path kBroken = fs::path(PASSTHROUGH_SOURCE_DIR) / "tests/config/broken";

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

void Compare(const fs::path& file, const std::string& problems) {
  EXPECT_NE(problems, "") << file << " is not broken";
  const fs::path expected = fs::path(file).replace_extension(".expected");
  if (std::getenv("PASSTHROUGH_WRITE_EXPECTED") != nullptr) {
    WriteFile(expected, problems);
    GTEST_SKIP() << "wrote " << expected << ": read it";
  }
  EXPECT_EQ(problems, ReadFile(expected)) << file;
}

class BrokenClusterFileTest : public testing::TestWithParam<std::string> {};

TEST_P(BrokenClusterFileTest, EveryProblemIsTold) {
  const fs::path file = kBroken / "cluster" / (GetParam() + ".yaml");
  Compare(file, ProblemsOf(file, [&] { LoadClusterFile(file); }));
}

INSTANTIATE_TEST_SUITE_P(Corpus, BrokenClusterFileTest, testing::ValuesIn(NamesIn(kBroken / "cluster")), TestName);

class BrokenProfileTest : public testing::TestWithParam<std::string> {};

TEST_P(BrokenProfileTest, EveryProblemIsTold) {
  const fs::path file = kBroken / "profile" / (GetParam() + ".yaml");
  Compare(file, ProblemsOf(file, [&] { LoadProfile(file.string(), {{"config", "/x/c.yaml"}, {"lab", "/x/lab"}}); }));
}

INSTANTIATE_TEST_SUITE_P(Corpus, BrokenProfileTest, testing::ValuesIn(NamesIn(kBroken / "profile")), TestName);

}  // namespace
}  // namespace passthrough
