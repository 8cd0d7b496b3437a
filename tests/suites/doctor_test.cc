// --doctor: what would keep a run from beginning, and that looking changes nothing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Doctor, OfAHostThatIsReady) {
  CheapRun run;
  run.WriteProfile("exit 1");
  const ChildResult result = run.RunProgram({"--doctor"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("nothing is in the way of a run of "));
  EXPECT_FALSE(fs::exists(run.Path("logs"))) << "no run began";
  EXPECT_FALSE(fs::exists(run.Path("state"))) << "nor was one registered";
}

TEST(Doctor, TellsAllProblemsAtOnce) {
  CheapRun run;
  run.WriteProfile("exit 1", run.Path("no-key").string(), "test:///default");
  fs::remove(run.Path("create.sh"));
  const ChildResult result = run.RunProgram({"--doctor"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("PROBLEM: private key " + run.Path("no-key").string()),
                                   HasSubstr("create.sh is not there"), HasSubstr("0000:01:00.0"),
                                   HasSubstr("problems in the way of a run of ")));
}

TEST(Doctor, SaysThatLibvirtDoesNotAnswer) {
  CheapRun run;
  run.WriteProfile("exit 1", "", "qemu+unix:///system?socket=/nonexistent");
  const ChildResult result = run.RunProgram({"--doctor"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("PROBLEM: "), HasSubstr("/nonexistent"), HasSubstr("2 problems in the way")));
}

// The lab's programs, where a directory has all others: PATH as it is, without these.
class LabDoctor : public testing::Test {
 protected:
  void HideFromPath(const std::vector<std::string>& hidden) {
    fs::create_directory(run_.Path("bin"));
    for (const char* directory : {"/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
      for (const auto& program : fs::directory_iterator(directory)) {
        const std::string name = program.path().filename();
        const fs::path link = run_.Path("bin") / name;
        const bool is_hidden = std::find(hidden.begin(), hidden.end(), name) != hidden.end();
        if (!is_hidden && !fs::is_symlink(link)) fs::create_symlink(program.path(), link);
      }
    }
    run_.options.environment["PATH"] = run_.Path("bin").string();
  }
  ChildResult Diagnose() {
    run_.options.environment["XDG_CACHE_HOME"] = run_.Path("cache").string();
    return RunChild({SuiteProgram().string(), "--doctor"}, run_.options, Deadline::After(std::chrono::minutes(1)));
  }
  CheapRun run_;
};

TEST_F(LabDoctor, OfALabThatCanStart) {
  const ChildResult result = Diagnose();
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("NOTE: the lab's images are not built yet"), HasSubstr("with the profile lab\n")));
  EXPECT_FALSE(fs::exists(run_.Path("cache"))) << "looking builds nothing";
}

TEST_F(LabDoctor, OfALabWhoseProgramsAreMissing) {
  HideFromPath({"qemu-system-x86_64", "mcopy"});
  const ChildResult result = Diagnose();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("PROBLEM: qemu-system-x86_64 not found in PATH"),
                                   HasSubstr("install the package qemu-system-x86"),
                                   HasSubstr("mcopy not found: install the package mtools"), HasSubstr("2 problems")));
}

}  // namespace
}  // namespace passthrough
