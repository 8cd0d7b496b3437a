// The JUnit files of real runs keep to the schemas of those who read them (tests/fixtures/junit.xsd).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fixtures/schema.h"
#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::IsEmpty;

const char kPassing[] = "--gtest_filter=Cluster.HasNoUnplannedVm/*";

class ValidReportsTest : public testing::Test, protected CheapRun {};

TEST_F(ValidReportsTest, AllPassed) {
  WriteProfile("true");
  ASSERT_EQ(RunProgram({kPassing}).exit_status, 0);
  EXPECT_THAT(SchemaProblems(kJunitSchema, Latest() / "junit.xml"), IsEmpty());
  EXPECT_THAT(ReadJunit(Latest() / "junit.xml").failed, IsEmpty());
}

TEST_F(ValidReportsTest, ChecksThatFail) {
  WriteProfile("true");
  ASSERT_EQ(RunProgram().exit_status, 1);
  EXPECT_THAT(SchemaProblems(kJunitSchema, Latest() / "junit.xml"), IsEmpty());
  EXPECT_THAT(ReadJunit(Latest() / "junit.xml").failed, Contains("Node.IsThereAsPlanned/hpc_compute_01"));
}

TEST_F(ValidReportsTest, ADeployerThatFailsInStrangeWords) {
  WriteProfile(R"(printf 'caf\303\251 \377\376 \001\033[31m <a>&amp;]]>\357\277\276 "%s"\n' "$0"; exit 3)");
  ASSERT_EQ(RunProgram().exit_status, 1);
  EXPECT_THAT(SchemaProblems(kJunitSchema, Latest() / "junit.xml"), IsEmpty());
  const JunitReport report = ReadJunit(Latest() / "junit.xml");
  EXPECT_THAT(report.messages.begin()->second, testing::HasSubstr("café \\xff\\xfe \\x01 <a>&amp;]]>"));
}

TEST_F(ValidReportsTest, AHostThatIsNotThere) {
  WriteProfile("true", "", "qemu+unix:///system?socket=/nonexistent/libvirt-sock");
  ASSERT_EQ(RunProgram().exit_status, 1);
  EXPECT_THAT(SchemaProblems(kJunitSchema, Latest() / "junit.xml"), IsEmpty());
}

TEST_F(ValidReportsTest, AStrangeNameOfTheClusterFile) {
  WriteProfile("true");
  const fs::path config = Path("a\x01\xff<b>&\".yaml");
  fs::copy_file(std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/test-minimal.yaml", config);
  RunProgram({"--config", config.string()});
  EXPECT_THAT(SchemaProblems(kJunitSchema, Latest() / "junit.xml"), IsEmpty());
}

TEST_F(ValidReportsTest, TheMergedReport) {
  WriteProfile("true");
  RunProgram({kPassing}, "logs/all/one");
  RunProgram({}, "logs/all/two");
  ASSERT_EQ(RunSuite({"--merge-junit", Path("logs/all").string()}).exit_status, 0);
  EXPECT_THAT(SchemaProblems(kJunitSchema, Path("logs/all/junit.xml")), IsEmpty());
  EXPECT_THAT(ReadJunit(Path("logs/all/junit.xml")).failed, Contains("Node.IsThereAsPlanned/hpc_compute_01"));
}

TEST_F(ValidReportsTest, TheReportOfCtest) {
  WriteProfile("true");
  WriteFile(Path("CTestTestfile.cmake"), fmt::format("include(\"{}/ClusterTests.cmake\")\n", PASSTHROUGH_BINARY_DIR));
  options.environment["PASSTHROUGH_PROFILE"] = Path("profile.yaml").string();
  options.environment["PASSTHROUGH_LOG_DIR"] = Path("logs").string();
  options.environment["PASSTHROUGH_RUN_LINK"] = Path("run-link").string();
  const ChildResult result = RunChild({"ctest", "--test-dir", directory().string(), "--output-junit",
                                       Path("ctest.xml").string(), "-R", "Cluster|Node\\.|cluster\\."},
                                      options, Deadline::After(std::chrono::minutes(5)));
  EXPECT_NE(result.exit_status, 0) << result.output;
  EXPECT_THAT(SchemaProblems(kCtestSchema, Path("ctest.xml")), IsEmpty());
  EXPECT_THAT(ReadFile(Path("ctest.xml")), testing::HasSubstr("Node.IsThereAsPlanned/hpc_compute_01"));
  EXPECT_THAT(SchemaProblems(kJunitSchema, Path("ctest.xml")), testing::Not(IsEmpty()))
      << "ctest keeps to the stricter schema now: say so in docs/ci.md";
}

}  // namespace
}  // namespace passthrough
