#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/install/installation.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The installed page of `program`, as a terminal without bold type shows it. Warnings of troff stand in it, too.
std::string Page(const std::string& program) {
  const std::string file = (Installation() / "share/man/man1" / (program + ".1.gz")).string();
  const ChildResult result = RunInstalled(
      {"bash", "-c", "set -o pipefail; zcat \"$1\" | GROFF_NO_SGR=1 groff -man -Tutf8 -ww -P-cbou -rLL=200n 2>&1",
       "bash", file});
  EXPECT_TRUE(result.Succeeded()) << result.output;
  return result.output;
}

TEST(ManualPage, OfTheSuiteHasEachOption) {
  const std::string page = Page("passthrough-suite");
  EXPECT_THAT(page, Not(HasSubstr("warning")));
  EXPECT_THAT(page, AllOf(HasSubstr("passthrough-suite - check that devices"), HasSubstr("--config FILE"),
                          HasSubstr("--gtest_filter='*NvidiaSmi*'"), HasSubstr("[--gtest_… options]"),
                          HasSubstr("passthrough-lab(1)"), Not(HasSubstr("--guard"))));
}

TEST(ManualPage, OfTheLabHasEachCommand) {
  const std::string page = Page("passthrough-lab");
  EXPECT_THAT(page, Not(HasSubstr("warning")));
  EXPECT_THAT(page, AllOf(HasSubstr("up [--lab-dir DIR] [--fresh]"), HasSubstr("destroy [--lab-dir DIR]"),
                          HasSubstr("~/.cache/pcie-passthrough-suite")));
}

}  // namespace
}  // namespace passthrough
