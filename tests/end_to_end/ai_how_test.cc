// The ready-made profiles for ai-how, with a stand-in for ai-how that acts on the lab's libvirt.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/text.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

fs::path Source() { return PASSTHROUGH_SOURCE_DIR; }
fs::path Config() { return Source() / "configs" / "test-pcie-passthrough-minimal.yaml"; }

class AiHowTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = new TestLab(Config());
    lab_->MustLab("up", {Config().string()});
    const std::string path = fmt::format("{}:{}", (Source() / "tests" / "ai_how").string(), std::getenv("PATH"));
    setenv("PATH", path.c_str(), 1);
    setenv("AI_HOW_DEPLOYER", LabProgramOfTests().c_str(), 1);
    setenv("AI_HOW_CONNECT", ("--lab-dir " + lab_->directory().string()).c_str(), 1);
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  void TearDown() override {
    unsetenv("AI_HOW_FORGETS");
    unsetenv("AI_HOW_SILENT");
    EXPECT_THAT(DescribeDifferences(before_, lab_->Libvirt().TakeInventory()), IsEmpty());
  }

  // The ready-made profile `name`, with the lab in the place of this machine; `from` is replaced by `to`.
  static std::string ProfileFor(const std::string& name, const std::string& from = "",
                                const std::string& to = "") {
    std::string text = ReadFile(Source() / "configs" / "profiles" / (name + ".yaml"));
    const auto replace = [&](const std::string& what, const std::string& with) {
      const size_t at = text.find(what);
      if (at == std::string::npos) throw Error(name + " has no " + what);
      text.replace(at, what.size(), with);
    };
    replace("libvirt:\n  uri: \"qemu:///system\"\n",
            fmt::format("host:\n  status: [{}, status, --lab-dir, {}, --quiet]\n  facts: {}/facts.yaml\n",
                        LabProgramOfTests().string(), lab_->directory().string(),
                        lab_->directory().string()));
    if (!from.empty()) replace(from, to);
    const fs::path file = lab_->Path(name + ".yaml");
    WriteFile(file, text);
    return file.string();
  }
  static ChildResult Run(const std::string& profile) {
    // No probe is needed for what the deployer does or does not do.
    return lab_->Suite({"--profile", profile, "--gtest_filter=Node.*:Cluster.*:HostDomain.*:Cleanup*"});
  }

  static TestLab* lab_;
  const Inventory before_ = lab_->Libvirt().TakeInventory();
};

TestLab* AiHowTest::lab_ = nullptr;

TEST_F(AiHowTest, BothSpellingsDeployAndDestroy) {
  for (const std::string profile : {"host", "host-ai-how-hpc"}) {
    const ChildResult result = Run(ProfileFor(profile));
    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(ReadFile(lab_->Latest() / "cluster-start.log"), HasSubstr("Cluster started"));
    EXPECT_THAT(ReadFile(lab_->Latest() / "cluster-destroy.log"), HasSubstr("Cluster destroyed"));
  }
}

TEST_F(AiHowTest, ItsWordForDestroyedIsNotBelieved) {
  setenv("AI_HOW_FORGETS", "1", 1);
  setenv("AI_HOW_SILENT", "3", 1);
  const ChildResult result = Run(ProfileFor("host-ai-how-hpc"));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(report.failed,
              UnorderedElementsAre("Cleanup.NoDomainRemains/test_hpc_pcie_minimal",
                                   "Cleanup.NoNetworkRemains/test_hpc_pcie_minimal",
                                   "Cleanup.NoPoolOrVolumeRemains/test_hpc_pcie_minimal",
                                   "Cleanup.NoInterfaceRemains/test_hpc_pcie_minimal",
                                   "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_0",
                                   "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_1",
                                   "Environment.NothingIsLeftBehind"));
}

TEST_F(AiHowTest, OneStartForBothClustersAndADestroyForEach) {
  setenv("AI_HOW_FORGETS", "cloud", 1);
  const ChildResult result =
      RunSuite({"--config", (Source() / "configs" / "test-minimal.yaml").string(), "--profile",
                ProfileFor("host-ai-how-system"), "--lab-dir", lab_->directory().string(), "--log-dir",
                lab_->Path("logs").string(), "--gtest_filter=Node.*:Cluster.*:HostDomain.*:Cleanup*"});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(report.failed,
              UnorderedElementsAre("Cleanup.NoDomainRemains/test_cloud_minimal",
                                   "Cleanup.NoNetworkRemains/test_cloud_minimal",
                                   "Cleanup.NoPoolOrVolumeRemains/test_cloud_minimal",
                                   "Cleanup.NoInterfaceRemains/test_cloud_minimal", "Environment.NothingIsLeftBehind"))
      << "the hpc cluster went, and the cloud one stayed";
}

TEST_F(AiHowTest, WithoutForceItAsksAndNobodyAnswers) {
  const ChildResult result = Run(ProfileFor("host-ai-how-hpc", ", --force", ""));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(report.messages.at("Cleanup.DestroySucceeded/test_hpc_pcie_minimal"),
              AllOf(HasSubstr("Aborted."), HasSubstr("exit status 1"), Not(HasSubstr("\x1b"))));
}

TEST_F(AiHowTest, WhereItIsMissingTheMessageSaysHowToGetItAndWhatElseWouldDo) {
  const std::string profile = ProfileFor("host", "[uv, run, ai-how, create", "[no-such-uv, run, ai-how, create");
  const ChildResult result = Run(profile);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("no-such-uv"));
  setenv("PATH", "/nonexistent", 1);
  const ChildResult without = Run(ProfileFor("host"));
  setenv("PATH", fmt::format("{}:/usr/bin:/bin:/usr/sbin:/sbin", (Source() / "tests" / "ai_how").string()).c_str(), 1);
  EXPECT_EQ(without.exit_status, 1);
  EXPECT_THAT(without.output, AllOf(HasSubstr("uv is not there"), HasSubstr("--profile host-own-deployer")));
}

}  // namespace
}  // namespace passthrough
