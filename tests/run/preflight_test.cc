#include "helpers/run/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
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

TEST(PreflightTest, AllProblemsAreThrownTogether) {
  EXPECT_NO_THROW(ThrowProblems({}));
  EXPECT_THAT([] { ThrowProblems({"one"}); }, ThrowsMessage<Error>("one"));
  EXPECT_THAT([] { ThrowProblems({"one", "two"}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("2 problems"), HasSubstr("one"), HasSubstr("two"))));
}

TEST(FailedDeployer, UvWithoutAiHowSaysHowToGetIt) {
  const std::string uv = "error: Failed to spawn: `ai-how`\n  Caused by: No such file or directory (os error 2)\n";
  EXPECT_THAT(HintForFailedDeployer({"uv", "run", "ai-how", "create", "c.yaml"}, uv),
              AllOf(HasSubstr("ai-how is not there"), HasSubstr("--profile host-own-deployer")));
  EXPECT_EQ(HintForFailedDeployer({"uv", "run", "ai-how", "create", "c.yaml"}, "no space left"), "");
  EXPECT_EQ(HintForFailedDeployer({"ai-how", "hpc", "start"}, uv), "");
}

}  // namespace
}  // namespace passthrough
