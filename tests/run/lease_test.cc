#include "helpers/run/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/run/run_registry.h"

namespace passthrough {
namespace {

using testing::ElementsAre;

Plan SmallPlan() {
  Plan plan;
  plan.config_path = "/c.yaml";
  PlannedCluster cluster;
  cluster.name = "small";
  cluster.network_name = "small-network";
  cluster.pool_name = "small-pool";
  plan.clusters.push_back(cluster);
  PlannedNode node;
  node.name = "hpc_compute_01";
  node.cluster = "small";
  node.domain_names = {"small-compute-01", "small-compute-0"};
  plan.nodes.push_back(node);
  return plan;
}

TEST(LeaseTest, NamesWhatThePlanWillMakeInEverySpelling) {
  Profile profile;
  profile.deployer.destroy = {{"ai-how", "destroy"}};
  const Lease lease = MakeLease(SmallPlan(), profile, "/run");
  EXPECT_THAT(lease.domains, ElementsAre("small-compute-01", "small-compute-0"));
  EXPECT_THAT(lease.networks, ElementsAre("small-network"));
  EXPECT_THAT(lease.pools, ElementsAre("small-pool"));
  EXPECT_FALSE(lease.deployed);
}

TEST(LeaseTest, IsReadAsItWasWritten) {
  const TemporaryDirectory directory("lease");
  Profile profile;
  profile.libvirt_uri = "test:///default";
  profile.deployer.destroy = {{"a", "b c"}, {"d"}};
  Lease lease = MakeLease(SmallPlan(), profile, "/run");
  lease.host_down = {"lab", "down"};
  lease.deployed = true;
  WriteLease(directory.path() / "lease.json", lease);
  const Lease read = ReadLease(directory.path() / "lease.json");
  EXPECT_EQ(read.domains, lease.domains);
  EXPECT_EQ(read.destroy, lease.destroy);
  EXPECT_EQ(read.host_down, lease.host_down);
  EXPECT_EQ(read.libvirt_uri, "test:///default");
  EXPECT_TRUE(read.deployed);
}

TEST(LeaseTest, ThatOfAnAttachedRunNamesNothingToTakeAway) {
  Profile profile;
  profile.libvirt_uri = "test:///default";
  profile.deployer.destroy = {{"ai-how", "destroy"}};
  const Lease lease = MakeAttachedLease(SmallPlan(), profile, "/run");
  EXPECT_TRUE(lease.domains.empty() && lease.networks.empty() && lease.pools.empty() && lease.destroy.empty());
  EXPECT_TRUE(lease.ClusterStays());
  EXPECT_FALSE(InEachOthersWay(lease, MakeLease(SmallPlan(), profile, "/other")));
}

TEST(LeaseTest, UnpluggedGpusAreReadAsTheyWereWritten) {
  const TemporaryDirectory directory("lease");
  Lease lease = MakeAttachedLease(SmallPlan(), Profile{}, "/run");
  lease.unplugged = {{.domain = "d", .uuid = "u", .domain_id = 7, .defined = true, .gpu = "0000:01:00.0",
                      .hostdev = "<hostdev/>", .file = "/f"}};
  WriteLease(directory.path() / "lease.json", lease);
  const Lease read = ReadLease(directory.path() / "lease.json");
  EXPECT_EQ(read.unplugged, lease.unplugged);
  EXPECT_TRUE(read.attached);
}

TEST(LeaseTest, OneOfAnEarlierVersionOwesNoGpu) {
  const TemporaryDirectory directory("lease");
  const auto file = directory.path() / "lease.json";
  WriteLease(file, MakeLease(SmallPlan(), Profile{}, "/run"));
  std::string text = ReadFile(file);
  for (const std::string line : {"  \"attached\": false,\n", ",\n  \"unplugged\": []"}) {
    ASSERT_NE(text.find(line), std::string::npos) << text;
    text.erase(text.find(line), line.size());
  }
  WriteFile(file, text);
  EXPECT_TRUE(ReadLease(file).unplugged.empty());
  EXPECT_FALSE(ReadLease(file).attached);
}

TEST(LeaseTest, AnOwedGpuOfAnEarlierVersionHasNoDomainId) {
  const TemporaryDirectory directory("lease");
  const auto file = directory.path() / "lease.json";
  Lease lease = MakeAttachedLease(SmallPlan(), Profile{}, "/run");
  lease.unplugged = {{.domain = "d", .uuid = "u", .gpu = "0000:01:00.0", .hostdev = "<hostdev/>", .file = "/f"}};
  WriteLease(file, lease);
  std::string text = ReadFile(file);
  for (const std::string line : {"      \"domain_id\": -1,\n", "      \"defined\": false,\n"}) {
    ASSERT_NE(text.find(line), std::string::npos) << text;
    text.erase(text.find(line), line.size());
  }
  WriteFile(file, text);
  EXPECT_EQ(ReadLease(file).unplugged, lease.unplugged);
}

TEST(LeaseTest, ABrokenOneIsAnError) {
  const TemporaryDirectory directory("lease");
  WriteFile(directory.path() / "lease.json", "[]");
  EXPECT_THROW(ReadLease(directory.path() / "lease.json"), EvidenceError);
  WriteFile(directory.path() / "lease.json", "{\"unplugged\": [1]}");
  EXPECT_THROW(ReadLease(directory.path() / "lease.json"), EvidenceError);
}

}  // namespace
}  // namespace passthrough
