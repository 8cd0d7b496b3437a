// Commands that a run prints do what they say when they are pasted, in another directory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/text.h"
#include "tests/libvirt/test_hypervisor.h"
#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PrintedCommandsTest : public testing::Test, protected CheapRun {
 protected:
  // As a shell does.
  ChildResult Paste(const std::string& command) const {
    ChildOptions elsewhere = options;
    elsewhere.working_directory = "/";
    return RunChild({"sh", "-c", command}, elsewhere, Deadline::After(std::chrono::minutes(5)));
  }

  // What stands behind `words` on its line of `output`.
  static std::string After(const std::string& words, const std::string& output) {
    const size_t at = output.find(words);
    if (at == std::string::npos) return {};
    const std::string rest = output.substr(at + words.size());
    return rest.substr(0, rest.find('\n'));
  }
};

TEST_F(PrintedCommandsTest, AKeptClusterIsTakenDownByWhatIsPrinted) {
  WriteProfile("true");
  const ChildResult kept = RunProgram({"--no-cleanup", "--gtest_filter=Cluster.*"}, "logs of mine");
  const std::string command = After("take it down: ", kept.output);
  ASSERT_THAT(command, HasSubstr(SuiteProgram().string() + " --destroy ")) << kept.output;
  const fs::path lease = fs::canonical(Path("logs of mine") / "latest") / "teardown-record.json";
  EXPECT_TRUE(fs::exists(lease));
  const std::string refused = RunProgram({"--gtest_filter=Cluster.*"}).output;
  EXPECT_EQ(After("or take it down: ", refused), command) << refused;
  const ChildResult destroyed = Paste(command);
  EXPECT_TRUE(destroyed.Succeeded()) << destroyed.output;
  EXPECT_FALSE(fs::exists(lease));
}

// `latest` is the last run, also where that was refused for the cluster that an earlier one keeps.
TEST_F(PrintedCommandsTest, LatestOfARefusedRunNamesTheClusterThatIsKept) {
  WriteProfile("true");
  RunProgram({"--no-cleanup", "--gtest_filter=Cluster.*"});
  const fs::path kept = fs::canonical(Latest());
  RunProgram({"--gtest_filter=Cluster.*"});
  ASSERT_NE(fs::canonical(Latest()), kept);
  const std::string destroy = SuiteProgram().string() + " --destroy ";
  const ChildResult refused = Paste(destroy + Latest().string());
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.output,
              testing::AllOf(HasSubstr("to destroy: it deployed nothing"),
                             HasSubstr(kept.filename().string() + " is still there: " + destroy + kept.string())));
  EXPECT_TRUE(Paste(destroy + kept.string()).Succeeded());
  const ChildResult again = Paste(destroy + kept.string());
  EXPECT_EQ(again.exit_status, 0) << again.output;
  EXPECT_THAT(again.output,
              HasSubstr("nothing is left of " + kept.filename().string() + " to destroy: it was taken down already"));
}

// "git clean -ffdx" in the checkout: what teardown needs of the run is kept elsewhere.
TEST_F(PrintedCommandsTest, AKeptClusterIsTakenDownAlsoWhereItsRunDirectoryWasDeleted) {
  WriteProfile(OnceItIsNoted(Latest()) + "rm -rf " + Path("logs").string());
  const ChildResult kept = RunProgram({"--no-cleanup", "--gtest_filter=Cluster.*"});
  EXPECT_THAT(kept.output, HasSubstr("was deleted while the run went on"));
  const std::string command = After("take it down: ", kept.output);
  ASSERT_THAT(command, HasSubstr(SuiteProgram().string() + " --destroy ")) << kept.output;
  EXPECT_THAT(Paste(SuiteProgram().string() + " --reap").output, HasSubstr("is kept by an earlier run"));
  const ChildResult destroyed = Paste(command);
  EXPECT_TRUE(destroyed.Succeeded()) << destroyed.output;
  EXPECT_THAT(Paste(SuiteProgram().string() + " --reap").output, HasSubstr("no teardown is pending"));
}

TEST_F(PrintedCommandsTest, WhatRemainsIsRemovedInTheLibvirtOfTheRun) {
  WriteFile(Path("left.xml"), "<node>" + TestHypervisor::Computer() + TestHypervisor::PciDevice(0, 0x030000) +
                                  TestHypervisor::PciDevice(1, 0x040300) +
                                  TestHypervisor::Domain("test-hpc-pcie-minimal-controller") + "</node>");
  WriteProfile(fmt::format("cp {} {}", Path("left.xml").string(), Path("node.xml").string()));
  const std::string output = RunProgram({"--gtest_filter=Cleanup.NoDomainRemains/*"}).output;
  const std::string command = After("If it is there now: ", output);
  ASSERT_THAT(command, HasSubstr("virsh -c test://" + Path("node.xml").string() + " destroy")) << output;
  // The first of the two: another virsh has a test driver of its own, which the file describes.
  const ChildResult removed = Paste(command.substr(0, command.find(';')));
  EXPECT_THAT(removed.output, HasSubstr("test-hpc-pcie-minimal-controller")) << removed.output;
  EXPECT_TRUE(removed.Succeeded()) << removed.output;
}

}  // namespace
}  // namespace passthrough
