// How the project's own tests become tests of ctest: cmake/GoogleTests.cmake.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "helpers/base/files.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

class GoogleTestsTest : public testing::Test {
 protected:
  // What ctest prints of the tests of a program that is this shell script.
  std::string Run(const std::string& script) {
    const auto program = directory_.path() / "program";
    WriteFile(program, "#!/bin/sh\n" + script);
    chmod(program.c_str(), 0755);
    WriteFile(directory_.path() / "CTestTestfile.cmake",
              fmt::format("set(name program)\nset(binary \"{}\")\nset(labels unit)\nset(environment A=B)\n"
                          "set(working_directory \"{}\")\ninclude(\"{}/cmake/GoogleTests.cmake\")\n",
                          program.string(), directory_.path().string(), PASSTHROUGH_SOURCE_DIR));
    return RunChild({"ctest", "--test-dir", directory_.path().string()}, {}, Deadline::Never()).output;
  }

  TemporaryDirectory directory_{"google-tests"};
};

TEST_F(GoogleTestsTest, WhatFailedIsNotSkippedWhateverItPrints) {
  const std::string output =
      Run("case $1 in\n"
          "--gtest_list_tests) printf 'Running main()\\nS.\\n  Fails\\n  IsSkipped/0  # GetParam() = a;[b\\n  "
          "Passes\\n' ;;\n"
          "*Fails) printf '[  SKIPPED ] of a run\\n[  FAILED  ] S.Fails\\n\\n 1 FAILED TEST\\n'; exit 1 ;;\n"
          "*IsSkipped/0) printf '[  PASSED  ] 0 tests.\\n[  SKIPPED ] 1 test, listed below:\\n[  SKIPPED ] "
          "S.IsSkipped/0\\n' ;;\n"
          "*Passes) printf '[  SKIPPED ] of a run\\n[  PASSED  ] 1 test.\\n' ;;\n"
          "esac\n");
  EXPECT_THAT(output,
              AllOf(ContainsRegex("S.Fails \\.*\\*\\*\\*Failed"), ContainsRegex("S.IsSkipped/0 \\.*\\*\\*\\*Skipped"),
                    ContainsRegex("S.Passes \\.* *Passed")));
}

TEST_F(GoogleTestsTest, AProgramWithoutTestsIsRed) {
  EXPECT_THAT(Run("exit 127\n"), HasSubstr("1 tests failed out of 1"));
  EXPECT_THAT(Run("printf 'Running main()\\n'\n"), HasSubstr("1 tests failed out of 1"));
}

}  // namespace
}  // namespace passthrough
