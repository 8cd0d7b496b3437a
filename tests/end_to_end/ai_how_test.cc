// The ready-made profile for ai-how, with a stand-in for ai-how that acts on the lab's libvirt.
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
    setenv("AI_HOW_URI", lab_->LabProfile().libvirt_uri.c_str(), 1);
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  void TearDown() override {
    unsetenv("AI_HOW_FORGETS");
    unsetenv("AI_HOW_SILENT");
    unsetenv("AI_HOW_SPELLING");
    unsetenv("AI_HOW_STOPS");
    EXPECT_THAT(DescribeDifferences(before_, lab_->Libvirt().TakeInventory()), IsEmpty());
  }

  // The profile host, with the lab in the place of this machine, run in a directory of its own; `from` is replaced by
  // `to`.
  static std::string HostProfile(const std::string& from = "", const std::string& to = "") {
    const std::string name = "host";
    std::string text = ReadFile(Source() / "configs" / "profiles" / (name + ".yaml"));
    const auto replace = [&](const std::string& what, const std::string& with) {
      const size_t at = text.find(what);
      if (at == std::string::npos) throw Error(name + " has no " + what);
      text.replace(at, what.size(), with);
    };
    replace("libvirt:\n  uri: \"qemu:///system\"\n",
            fmt::format("host:\n  status: [{}, status, --lab-dir, {}, --quiet]\n  facts: {}/facts.yaml\n",
                        LabProgramOfTests().string(), lab_->directory().string(), lab_->directory().string()));
    fs::create_directories(lab_->Path("project"));
    replace("deployer:\n", fmt::format("deployer:\n  working_directory: {}\n", lab_->Path("project").string()));
    if (!from.empty()) replace(from, to);
    const fs::path file = lab_->Path(name + ".yaml");
    WriteFile(file, text);
    return file.string();
  }
  static ChildResult Run(const std::string& profile) {
    // No probe is needed for what the deployer does or does not do.
    return lab_->Suite({"--profile", profile, "--gtest_filter=Node.*:Cluster.*:HostDomain.*:Cleanup*"});
  }

  void DeployAndDestroy(const char* spelling) {
    setenv("AI_HOW_SPELLING", spelling, 1);
    const ChildResult result = Run(HostProfile());
    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, Not(HasSubstr("\x1b")));
    EXPECT_THAT(ReadFile(lab_->Latest() / "cluster-start.log"), HasSubstr("Cluster started"));
    EXPECT_THAT(ReadFile(lab_->Latest() / "cluster-destroy.log"), HasSubstr("Cluster destroyed"));
    EXPECT_FALSE(fs::exists(lab_->Path("project") / "output" / "passthrough-suite")) << "a state is the run's own";
  }

  static TestLab* lab_;
  const Inventory before_ = lab_->Libvirt().TakeInventory();
};

TestLab* AiHowTest::lab_ = nullptr;

TEST_F(AiHowTest, DeploysAndDestroys) { DeployAndDestroy(""); }

// Its destroy would remove it: the name begins with the cluster's.
TEST_F(AiHowTest, AForeignDomainWithTheClustersPrefixIsRefusedAndStays) {
  LibvirtConnection libvirt = lab_->Libvirt();
  const std::string name = "test-hpc-pcie-minimal-2-controller";
  libvirt.DefineDomain(
      fmt::format("<domain type='qemu'><name>{}</name><memory>65536</memory><os><type>hvm</type></os>"
                  "</domain>",
                  name));
  const ChildResult result = Run(HostProfile());
  const Inventory after = lab_->Libvirt().TakeInventory();
  libvirt.UndefineDomain(name);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("domain " + name + " exists"));
  EXPECT_NE(after.FindDomain(name), nullptr);
  EXPECT_EQ(after.domains.size(), before_.domains.size() + 1) << "nothing was made";
}

// What its destroy has forgotten goes all the same: the suite removes it.
TEST_F(AiHowTest, ACreateThatWasInterruptedLeavesNothing) {
  setenv("AI_HOW_STOPS", "1", 1);
  const ChildResult result = Run(HostProfile());
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("removed domain test-hpc-pcie-minimal-controller, which the deployer had left"));
}

TEST_F(AiHowTest, ItsWordForDestroyedIsNotBelieved) {
  setenv("AI_HOW_FORGETS", "1", 1);
  setenv("AI_HOW_SILENT", "3", 1);
  const ChildResult result = Run(HostProfile());
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(report.failed, UnorderedElementsAre("Cleanup.NoDomainRemains/test_hpc_pcie_minimal",
                                                  "Cleanup.NoNetworkRemains/test_hpc_pcie_minimal",
                                                  "Cleanup.NoPoolOrVolumeRemains/test_hpc_pcie_minimal",
                                                  "Cleanup.NoInterfaceRemains/test_hpc_pcie_minimal",
                                                  "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_0",
                                                  "CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_1",
                                                  "Environment.NothingIsLeftBehind"));
}

// Four nodes, and one deployment after the other, take their time on two processors: not with the others.
class LongAiHowTest : public AiHowTest {};

TEST_F(LongAiHowTest, OtherSpellingsDeployAndDestroyTheFirstTimeAndTheSecond) {
  for (const char* spelling : {"old", "noisy"}) DeployAndDestroy(spelling);
}

TEST_F(LongAiHowTest, OneStartForBothClustersAndADestroyForEach) {
  setenv("AI_HOW_FORGETS", "cloud", 1);
  const ChildResult result =
      RunSuite({"--config", (Source() / "configs" / "test-minimal.yaml").string(), "--profile", HostProfile(),
                "--lab-dir", lab_->directory().string(), "--log-dir", lab_->Path("logs").string(),
                "--gtest_filter=Node.*:Cluster.*:HostDomain.*:Cleanup*"});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(
      report.failed,
      UnorderedElementsAre("Cleanup.NoDomainRemains/test_cloud_minimal", "Cleanup.NoNetworkRemains/test_cloud_minimal",
                           "Cleanup.NoPoolOrVolumeRemains/test_cloud_minimal",
                           "Cleanup.NoInterfaceRemains/test_cloud_minimal", "Environment.NothingIsLeftBehind"))
      << "the hpc cluster went, and the cloud one stayed";
}

TEST_F(AiHowTest, WithoutForceItAsksAndNobodyAnswers) {
  const std::string script =
      "[\"{source}/configs/deployers/ai-how.sh\", destroy, \"{run}\", \"{clusters}\", \"{config}\"]";
  const ChildResult result = Run(HostProfile(
      script, "[ai-how, --state, \"output/passthrough-suite/{run}/state.json\", hpc, destroy, \"{config}\"]"));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
  EXPECT_THAT(
      report.messages.at("Cleanup.DestroySucceeded/test_hpc_pcie_minimal"),
      AllOf(HasSubstr("Aborted."), HasSubstr("exit status 1"), Not(HasSubstr("\x1b")), Not(HasSubstr("\\x1b"))));
}

TEST_F(AiHowTest, WhereItIsMissingTheMessageSaysHowToGetItAndWhatElseWouldDo) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const ChildResult without = Run(HostProfile());
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without.exit_status, 1);
  EXPECT_THAT(without.output,
              AllOf(HasSubstr("the deployer ai-how is not there"), HasSubstr("--profile host-own-deployer")));
}

}  // namespace
}  // namespace passthrough
