// Whole runs in the lab, from create to the proof that nothing is left.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "helpers/base/text.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

fs::path MinimalConfig() { return fs::path(PASSTHROUGH_SOURCE_DIR) / "configs" / "test-pcie-passthrough-minimal.yaml"; }

// Processes whose command line names `path`.
std::vector<std::string> ProcessesThatName(const fs::path& path) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename().string();
    if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    try {
      std::string command = ReadFile(entry.path() / "cmdline");
      std::replace(command.begin(), command.end(), '\0', ' ');
      if (command.find(path.string()) != std::string::npos) found.push_back(command);
    } catch (const Error&) {
      // The process ended meanwhile.
    }
  }
  return found;
}

// The compute node is kept alive: destroy is told of a cluster file without it. The project's deployer then
// leaves the network and the pool, which that node still uses, and says so.
TEST(WholeRunTest, ADomainThatDestroyLeavesIsFoundAndRemoved) {
  TestLab lab(MinimalConfig());
  lab.MustLab("up", {MinimalConfig().string()});
  const Inventory before = lab.Libvirt().TakeInventory();

  std::string without_compute = ReadFile(MinimalConfig());
  const size_t begin = without_compute.find("    compute_nodes:");
  const size_t end = without_compute.find("    slurm_config:");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  without_compute.replace(begin, end - begin, "    compute_nodes: []\n");
  WriteFile(lab.Path("without-compute.yaml"), without_compute);
  const std::string program = LabProgramOfTests().string();
  WriteFile(lab.Path("profile.yaml"),
            fmt::format("version: \"1.0\"\ndescription: of a test\n"
                        "host:\n"
                        "  status: [{0}, status, --lab-dir, {1}, --quiet]\n"
                        "  facts: {1}/facts.yaml\n"
                        "deployer:\n"
                        "  create: [{0}, create, --lab-dir, {1}, \"{{config}}\"]\n"
                        "  destroy: [{0}, destroy, --lab-dir, {1}, {2}, --force]\n"
                        "ssh:\n  user: admin\n",
                        program, lab.directory().string(), lab.Path("without-compute.yaml").string()));
  const ChildResult result =
      lab.Suite({"--profile", lab.Path("profile.yaml").string(), "--gtest_filter=Cleanup*:Node.*"});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab.Latest() / "junit.xml");
  EXPECT_THAT(report.failed,
              UnorderedElementsAre(
                  "Cleanup.DestroySucceeded/test_hpc_pcie_minimal", "Cleanup.NoDomainRemains/test_hpc_pcie_minimal",
                  "Cleanup.NoInterfaceRemains/test_hpc_pcie_minimal", "Cleanup.NoNetworkRemains/test_hpc_pcie_minimal",
                  "Cleanup.NoPoolOrVolumeRemains/test_hpc_pcie_minimal",
                  "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_0",
                  "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_1", "Environment.NothingIsLeftBehind"));
  EXPECT_THAT(report.messages.at("Cleanup.NoDomainRemains/test_hpc_pcie_minimal"),
              HasSubstr("domain test-hpc-pcie-minimal-compute-01 is still there after destroy (running)"));
  EXPECT_THAT(DescribeDifferences(before, lab.Libvirt().TakeInventory()), IsEmpty())
      << "the suite did not remove what it found";
}

TEST(WholeRunTest, CtestDeploysOnceJudgesEachCheckAndLeavesNothing) {
  const TemporaryDirectory scratch("ctest-lab");
  const TemporaryDirectory lab_directory("lab");
  const fs::path lab = lab_directory.path() / "lab";
  ChildOptions options;
  options.most_kept = 4u << 20;
  options.environment = {{"PASSTHROUGH_PROFILE", "lab"},
                         {"PASSTHROUGH_CONFIG", MinimalConfig().string()},
                         {"PASSTHROUGH_LAB_DIR", lab.string()},
                         {"PASSTHROUGH_LOG_DIR", (scratch.path() / "logs").string()},
                         {"PASSTHROUGH_RUN_LINK", (scratch.path() / "link").string()}};
  WriteFile(scratch.path() / "CTestTestfile.cmake",
            fmt::format("include(\"{}/ClusterTests.cmake\")\n", PASSTHROUGH_BINARY_DIR));
  const fs::path junit = scratch.path() / "ctest.xml";
  const ChildResult result = RunChild(
      {"ctest", "--test-dir", scratch.path().string(), "--output-junit", junit.string(), "--output-on-failure"},
      options, Deadline::After(std::chrono::minutes(15)));
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("NvidiaSmi.AnswersWithExitStatusZero/hpc_compute_01"));
  EXPECT_THAT(result.output, HasSubstr("Cleanup.NoDomainRemains/test_hpc_pcie_minimal"));
  EXPECT_THAT(ReadFile(junit), HasSubstr("NvidiaSmi.AnswersWithExitStatusZero"));
  // One start of each domain in all of the log.
  const std::string log = ReadFile(scratch.path() / "logs" / "latest" / "cluster-start.log");
  size_t starts = 0;
  for (const std::string_view line : SplitLines(log)) {
    if (line.find("test-hpc-pcie-minimal-compute-01") != std::string_view::npos &&
        line.find("started") != std::string_view::npos) {
      ++starts;
    }
  }
  EXPECT_EQ(starts, 1u) << log;
  EXPECT_THAT(ProcessesThatName(lab), IsEmpty());
  EXPECT_FALSE(fs::exists(lab)) << "the lab's directory is left";
}

}  // namespace
}  // namespace passthrough
