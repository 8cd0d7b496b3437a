#include "helpers/teardown_record/teardown_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/recovery/claim.h"

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

TEST(TeardownRecordTest, NamesWhatThePlanWillMakeInEverySpelling) {
  Profile profile;
  profile.deployer.destroy = {{"ai-how", "destroy"}};
  const TeardownRecord record = MakeTeardownRecord(SmallPlan(), profile, "/run");
  EXPECT_THAT(record.domains, ElementsAre("small-compute-01", "small-compute-0"));
  EXPECT_THAT(record.networks, ElementsAre("small-network"));
  EXPECT_THAT(record.pools, ElementsAre("small-pool"));
  EXPECT_FALSE(record.deployed);
}

TEST(TeardownRecordTest, IsReadAsItWasWritten) {
  const TemporaryDirectory directory("record");
  Profile profile;
  profile.libvirt_uri = "test:///default";
  profile.deployer.destroy = {{"a", "b c"}, {"d"}};
  TeardownRecord record = MakeTeardownRecord(SmallPlan(), profile, "/run");
  record.host_down = {"lab", "down"};
  record.deployed = true;
  WriteTeardownRecord(directory.path() / "teardown-record.json", record);
  const TeardownRecord read = ReadTeardownRecord(directory.path() / "teardown-record.json");
  EXPECT_EQ(read.domains, record.domains);
  EXPECT_EQ(read.destroy, record.destroy);
  EXPECT_EQ(read.host_down, record.host_down);
  EXPECT_EQ(read.libvirt_uri, "test:///default");
  EXPECT_TRUE(read.deployed);
}

TEST(TeardownRecordTest, ThatOfAnAttachedRunNamesNothingToTakeAway) {
  Profile profile;
  profile.libvirt_uri = "test:///default";
  profile.deployer.destroy = {{"ai-how", "destroy"}};
  const TeardownRecord record = MakeAttachedRecord(SmallPlan(), profile, "/run");
  EXPECT_TRUE(record.domains.empty() && record.networks.empty() && record.pools.empty() && record.destroy.empty());
  EXPECT_TRUE(record.ClusterStays());
  EXPECT_FALSE(Conflicts(record, MakeTeardownRecord(SmallPlan(), profile, "/other")));
}

TEST(TeardownRecordTest, UnpluggedGpusAreReadAsTheyWereWritten) {
  const TemporaryDirectory directory("record");
  TeardownRecord record = MakeAttachedRecord(SmallPlan(), Profile{}, "/run");
  record.unplugged = {{.domain = "d",
                       .uuid = "u",
                       .domain_id = 7,
                       .defined = true,
                       .gpu = "0000:01:00.0",
                       .hostdev = "<hostdev/>",
                       .file = "/f"}};
  WriteTeardownRecord(directory.path() / "teardown-record.json", record);
  const TeardownRecord read = ReadTeardownRecord(directory.path() / "teardown-record.json");
  EXPECT_EQ(read.unplugged, record.unplugged);
  EXPECT_TRUE(read.attached);
}

TEST(TeardownRecordTest, ABrokenOneIsAnError) {
  const TemporaryDirectory directory("record");
  WriteFile(directory.path() / "teardown-record.json", "[]");
  EXPECT_THROW(ReadTeardownRecord(directory.path() / "teardown-record.json"), EvidenceError);
  WriteFile(directory.path() / "teardown-record.json", "{\"unplugged\": [1]}");
  EXPECT_THROW(ReadTeardownRecord(directory.path() / "teardown-record.json"), EvidenceError);
}

}  // namespace
}  // namespace passthrough
