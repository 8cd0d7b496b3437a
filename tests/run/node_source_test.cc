// A run whose nodes no libvirt knows: their addresses are fixed. Evidence is collected from a real OpenSSH server.
#include "helpers/cluster/node_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "helpers/base/files.h"
#include "helpers/run/cluster_run.h"
#include "tests/network/collecting.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

class FixedNodes : public NodeSource {
 public:
  explicit FixedNodes(std::map<std::string, std::string> addresses) : addresses_(std::move(addresses)) {}

  Discovery Discover(const Plan& plan, const Deadline&) override { return Rediscover(plan); }
  Discovery Rediscover(const Plan& plan) override {
    Discovery discovery;
    discovery.source = "a list of addresses";
    for (const PlannedNode& node : plan.nodes) {
      DiscoveredNode found;
      found.node = node.name;
      found.address_source = "list";
      const auto address = addresses_.find(node.name);
      if (address == addresses_.end()) {
        found.problem = "is not on the list";
      } else {
        found.address = address->second;
      }
      discovery.nodes.push_back(found);
    }
    return discovery;
  }

 private:
  const std::map<std::string, std::string> addresses_;
};

class NodeSourceTest : public testing::Test {
 protected:
  RunSettings Settings() {
    collecting_.AddProbe("identity", "echo here");
    RunSettings settings;
    settings.mode = RunMode::kAttach;
    settings.remote_directory = collecting_.options().remote_directory;
    settings.plan.name = "nodes";
    settings.plan.config_path = (collecting_.directory() / "c.yaml").string();
    WriteFile(settings.plan.config_path, "a cluster file\n");
    PlannedNode node;
    node.name = "n1";
    settings.plan.nodes.push_back(node);
    node.name = "n2";
    settings.plan.nodes.push_back(node);
    settings.profile.ssh = server_.account();
    settings.profile.libvirt_uri = "there-is-no-libvirt:///here";
    settings.node_source = [&](const Profile& profile) {
      return std::make_unique<FixedNodes>(std::map<std::string, std::string>{{"n1", profile.ssh.host}});
    };
    return settings;
  }

  const OpensshServer server_;
  Collecting collecting_;
  Progress progress_{stderr, false};
};

TEST_F(NodeSourceTest, EvidenceIsCollectedWithoutLibvirt) {
  ClusterRun run(Settings(), RunDirectory::Create(collecting_.directory() / "logs"), progress_);
  run.Attach();
  run.Collect({"identity"});

  const RunDirectory& directory = run.run();
  EXPECT_EQ(NodeEvidence::Load(directory.path(), "n1").Require("identity").text, "here\n");
  const Discovery found = DiscoveryFromJson(ReadFile(directory.DiscoveryJson()));
  EXPECT_EQ(found, run.discovery());
  EXPECT_EQ(found.source, "a list of addresses");
  EXPECT_EQ(found.Find("n2")->problem, "is not on the list");
  EXPECT_FALSE(std::filesystem::exists(directory.HostRunning())) << "there is no host to ask";
  EXPECT_THAT(ReadFile(directory.SshConfig()), testing::AllOf(HasSubstr("\nHost n1\n"), Not(HasSubstr("n2"))));
  const RunRecord record = ReadRunRecord(directory.RunJson());
  EXPECT_THAT(record.phases, ElementsAre(Field(&PhaseRecord::name, "discover"), Field(&PhaseRecord::name, "collect"),
                                         Field(&PhaseRecord::name, "look")));
  EXPECT_THAT(record.phases, Each(Field(&PhaseRecord::error, "")));
}

}  // namespace
}  // namespace passthrough
