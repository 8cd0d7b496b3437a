#include "helpers/run/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/cluster/ai_how_problems.h"
#include "helpers/cluster/deployer_problems.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

TEST(PreflightTest, ADeployerThatIsNotThereIsToldWithHowToGetIt) {
  Profile profile;
  profile.deployer.create = {{"sh", "-c", "true"}, {"ai-how-that-is-not-there", "create"}};
  profile.deployer.destroy = {{"/nonexistent/deployer"}};
  EXPECT_THAT(DeployerProblems(profile),
              ElementsAre(HasSubstr("/nonexistent/deployer"), HasSubstr("ai-how-that-is-not-there")));
}

TEST(PreflightTest, AKeyThatIsNotThereIsToldOnceAndForTheJumpHostToo) {
  Profile profile;
  profile.ssh.key = "/nonexistent/key";
  profile.jump = SshAccount{.host = "h", .port = 22, .user = "u", .key = "/nonexistent/key"};
  EXPECT_THAT(SshKeyProblems(profile), ElementsAre(HasSubstr("/nonexistent/key")));
  profile.jump->key = "/nonexistent/other";
  EXPECT_EQ(SshKeyProblems(profile).size(), 2u);
}

TEST(PreflightTest, NamesThatExistAlreadyAreToldWithHowToRemoveThem) {
  Plan plan;
  PlannedCluster cluster;
  cluster.network_name = "x-network";
  cluster.pool_name = "x-pool";
  plan.clusters.push_back(cluster);
  PlannedNode node;
  node.domain_names = {"x-compute-01", "x-compute-0"};
  plan.nodes.push_back(node);
  Inventory inventory;
  EXPECT_THAT(HostProblems(plan, inventory, "qemu:///system"), IsEmpty());
  inventory.domains.push_back({});
  inventory.domains.back().name = "x-compute-0";
  inventory.domains.back().state = "running";
  inventory.networks.push_back({});
  inventory.networks.back().name = "x-network";
  inventory.pools.push_back({});
  inventory.pools.back().name = "x-pool";
  EXPECT_THAT(HostProblems(plan, inventory, "qemu:///system"),
              ElementsAre(EndsWith(VirshToRemoveDomain("qemu:///system", "x-compute-0")),
                          EndsWith(VirshToRemoveNetwork("qemu:///system", "x-network")),
                          EndsWith(VirshToRemovePool("qemu:///system", "x-pool"))));
}

// ai-how's destroy removed sim-a-2-controller with sim-a.
TEST(PreflightAiHowTest, ADomainWithTheClustersPrefixIsRefusedBeforeAnythingIsMade) {
  Plan plan;
  plan.config_path = "/c/x.yaml";
  plan.clusters.resize(1);
  plan.clusters[0].name = "sim-a";
  plan.nodes.resize(1);
  plan.nodes[0].domain_names = {"sim-a-controller"};
  Inventory inventory;
  for (const char* name : {"sim-a", "sim-a-2-controller", "sim-a-controller", "sim-ab-controller", "x-sim-a-1"}) {
    inventory.domains.push_back({});
    inventory.domains.back().name = name;
    inventory.domains.back().state = "running";
  }
  Profile profile;
  profile.libvirt_uri = "qemu:///system";
  for (const CommandSequence& destroy :
       {CommandSequence{{"/s/configs/deployers/ai-how.sh", "destroy"}}, CommandSequence{{"uv", "run", "ai-how", "hpc"}},
        CommandSequence{{"true"}, {"/usr/bin/ai-how", "hpc", "destroy"}}}) {
    profile.deployer.destroy = destroy;
    EXPECT_THAT(PrefixProblems(plan, profile, inventory),
                ElementsAre(AllOf(HasSubstr("domain sim-a-2-controller exists (running)"), HasSubstr("\"sim-a-\""),
                                  HasSubstr("/c/x.yaml"),
                                  EndsWith(VirshToRemoveDomain("qemu:///system", "sim-a-2-controller")))))
        << "the planned one is told by HostProblems";
  }
  profile.deployer.destroy = {{"/b/passthrough-lab", "destroy"}};
  EXPECT_THAT(PrefixProblems(plan, profile, inventory), IsEmpty()) << "that one goes by whole names";
}

TEST(PreflightAiHowTest, FilesWhereItMakesItsPoolsAreRefused) {
  const TemporaryDirectory images("images");
  Plan plan;
  plan.clusters.emplace_back().name = "sim";
  Profile profile;
  profile.deployer.create = {{"/s/configs/deployers/ai-how.sh", "create"}};
  EXPECT_THAT(PoolDirectoryProblems(plan, profile, images.path()), IsEmpty());
  std::filesystem::create_directory(images.path() / "sim");  // ai-how itself leaves an empty one
  EXPECT_THAT(PoolDirectoryProblems(plan, profile, images.path()), IsEmpty());
  WriteFile(images.path() / "sim" / "sim-controller.qcow2", "somebody's");
  EXPECT_THAT(PoolDirectoryProblems(plan, profile, images.path()),
              ElementsAre(AllOf(HasSubstr((images.path() / "sim").string()), HasSubstr("holds files already"))));
  profile.libvirt_uri = "qemu+ssh://root@other/system";
  EXPECT_THAT(PoolDirectoryProblems(plan, profile, images.path()), IsEmpty()) << "that is not this machine's";
}

TEST(PreflightAiHowTest, WhatItRefusesIsSaidBeforeWhereItIsTheDeployer) {
  Plan plan;
  plan.notes = {"FILE:1:2: a note"};
  plan.ai_how_refuses = {"FILE:3:4: is DHCP"};
  Profile profile;
  profile.deployer.create = {{"/s/configs/deployers/ai-how.sh", "create"}};
  EXPECT_THAT(NotesBefore(plan, profile, true),
              ElementsAre("FILE:1:2: a note", AllOf(HasSubstr("ai-how, the deployer"), EndsWith("FILE:3:4: is DHCP"))));
  EXPECT_THAT(NotesBefore(plan, profile, false), ElementsAre("FILE:1:2: a note")) << "it deploys nothing";
  profile.deployer.create = {{"/b/passthrough-lab", "create"}};
  EXPECT_THAT(NotesBefore(plan, profile, true), ElementsAre("FILE:1:2: a note"));
}

TEST(PreflightAiHowTest, WhereNeitherUvNorAiHowIsThereThatIsSaid) {
  const TemporaryDirectory directory("ai-how");
  const std::string path = std::getenv("PATH");
  const std::string script = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/deployers/ai-how.sh";
  Profile profile;
  profile.deployer.create = {{script, "create"}};
  profile.deployer.destroy = {{script, "destroy"}};
  profile.deployer.working_directory = directory.path();
  setenv("PATH", "/nonexistent", 1);
  EXPECT_THAT(DeployerProblems(profile),
              ElementsAre(AllOf(HasSubstr("neither uv nor ai-how"), HasSubstr("--profile host-own-deployer"))));
  WriteFile(directory.path() / "uv", "#!/bin/sh\n", 0755);
  setenv("PATH", directory.path().c_str(), 1);
  EXPECT_THAT(DeployerProblems(profile), IsEmpty());
  setenv("PATH", path.c_str(), 1);
}

TEST(PreflightTest, AllProblemsAreThrownTogether) {
  EXPECT_NO_THROW(ThrowProblems({}));
  EXPECT_THAT([] { ThrowProblems({"one"}); }, ThrowsMessage<Error>("one"));
  EXPECT_THAT(
      [] {
        ThrowProblems({"one", "two"});
      },
      ThrowsMessage<Error>(AllOf(HasSubstr("2 problems"), HasSubstr("one"), HasSubstr("two"))));
}

TEST(FailedDeployer, UvWithoutAiHowSaysHowToGetIt) {
  const std::string uv = "error: Failed to spawn: `ai-how`\n  Caused by: No such file or directory (os error 2)\n";
  EXPECT_THAT(HintForFailedDeployer({"uv", "run", "ai-how", "create", "c.yaml"}, uv),
              AllOf(HasSubstr("ai-how is not there"), HasSubstr("--profile host-own-deployer")));
  EXPECT_EQ(HintForFailedDeployer({"uv", "run", "ai-how", "create", "c.yaml"}, "no space left"), "");
  EXPECT_EQ(HintForFailedDeployer({"ai-how", "hpc", "start"}, uv), "");
}

TEST(PreflightImagesTest, AnImageOfThisMachineMustBeThereAndQcow2) {
  const TemporaryDirectory directory("images");
  Profile profile;
  profile.libvirt_uri = "qemu:///system";
  profile.deployer.working_directory = directory.path();
  Plan plan;
  plan.nodes.resize(4);
  plan.nodes[0].base_image_path = "good.qcow2";
  plan.nodes[1].base_image_path = "bad.qcow2";
  plan.nodes[2].base_image_path = "missing.qcow2";
  plan.nodes[3].base_image_path = "missing.qcow2";
  WriteFile(directory.path() / "good.qcow2", "QFI\xfb and more");
  WriteFile(directory.path() / "bad.qcow2", "<html>");
  EXPECT_THAT(ImageProblems(plan, profile),
              ElementsAre(AllOf(HasSubstr("bad.qcow2"), HasSubstr("not a qcow2 image")),
                          AllOf(HasSubstr("missing.qcow2"), HasSubstr("does not exist"))));
  plan.nodes[0].base_image_path = "";
  EXPECT_THAT(ImageProblems(plan, profile), testing::Contains(HasSubstr("no base_image_path")));
}

TEST(PreflightImagesTest, ImagesOfAnotherMachineAndOfALabAreTheirOwn) {
  Plan plan;
  plan.nodes.resize(1);
  plan.nodes[0].base_image_path = "/nonexistent.qcow2";
  Profile profile;
  profile.libvirt_uri = "qemu+ssh://root@gpu-host/system";
  EXPECT_THAT(ImageProblems(plan, profile), IsEmpty());
  profile.libvirt_uri = "qemu:///system";
  EXPECT_EQ(ImageProblems(plan, profile).size(), 1u);
  profile.emulated_devices = true;
  EXPECT_THAT(ImageProblems(plan, profile), IsEmpty());
}

}  // namespace
}  // namespace passthrough
