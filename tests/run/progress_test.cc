#include "helpers/run/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() : file_(std::fopen((directory_.path() / "out").c_str(), "w")) {}
  ~ProgressTest() override { std::fclose(file_); }
  std::string Written() {
    std::fflush(file_);
    return ReadFile(directory_.path() / "out");
  }
  std::FILE* file() { return file_; }

 private:
  TemporaryDirectory directory_{"progress"};
  std::FILE* file_;
};

TEST_F(ProgressTest, InALogEachStepHasALineAtItsStartAndOneAtItsEnd) {
  {
    Progress progress(file(), false);
    progress.Begin("deploying test");
    progress.Say("a detail");
    EXPECT_GE(progress.End("deployed test"), 0);
  }
  EXPECT_THAT(Written(), ContainsRegex("\\[ +0.0 s\\] deploying test …\n"
                                       "\\[ +0.0 s\\] deployed test \\(0.0 s\\)\n"));
  EXPECT_THAT(Written(), Not(HasSubstr("a detail")));
  EXPECT_THAT(Written(), Not(HasSubstr("\r")));
}

TEST_F(ProgressTest, VerboseTellsDetailsWithoutControlCharacters) {
  {
    Progress progress(file(), true);
    progress.Begin("deploying");
    progress.Say("\x1b[31mred\nsecond line");
  }
  EXPECT_THAT(Written(), HasSubstr("\\x1b[31mred\n"));
  EXPECT_THAT(Written(), Not(HasSubstr("second line")));
}

TEST_F(ProgressTest, WholeLinesHaveNoControlCharactersEither) {
  {
    Progress progress(file(), false);
    progress.Begin("\x1b[2Jdeploying");
    progress.Line("\x1b]0;owned\x07");
    progress.End("\xff done");
  }
  EXPECT_THAT(Written(), testing::AllOf(HasSubstr("\\x1b[2Jdeploying"), HasSubstr("\\x1b]0;owned\\x07"),
                                        HasSubstr("\\xff done"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace passthrough
