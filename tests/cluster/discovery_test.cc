#include "helpers/cluster/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "helpers/base/interruption.h"
#include "helpers/cluster/libvirt_discovery.h"
#include "helpers/cluster/node_address.h"
#include "tests/libvirt/test_hypervisor.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kControllerMac = "52:54:00:00:00:10";
constexpr std::string_view kComputeMac = "52:54:00:00:00:11";

// Cluster "c": a controller and a compute node.
Plan SmallPlan() {
  PlannedNode controller;
  controller.name = "hpc_controller";
  controller.cluster = "c";
  controller.role = NodeRole::kController;
  controller.domain_names = {"c-controller"};
  PlannedNode compute;
  compute.name = "hpc_compute_01";
  compute.cluster = "c";
  compute.domain_names = {"c-compute-01", "c-compute-0"};
  Plan plan;
  PlannedCluster cluster;
  cluster.name = "c";
  cluster.network_name = "n";
  cluster.subnet = Ipv4Subnet::Parse("192.168.140.0/24").value();
  plan.clusters = {cluster};
  plan.nodes = {controller, compute};
  return plan;
}

std::string Controller(int state = 1, std::string_view network = "n") {
  return TestHypervisor::Domain("c-controller", TestHypervisor::Interface(network, kControllerMac), state);
}

std::string Compute(std::string_view name, int state = 1, std::string_view network = "n") {
  return TestHypervisor::Domain(name, TestHypervisor::Interface(network, kComputeMac), state);
}

Discovery Look(const Plan& plan, const std::string& content) {
  TestHypervisor host(content + TestHypervisor::Network("n"));
  return DiscoverDomainsOnce(plan, host.connection());
}

TEST(DiscoverDomainsOnce, BindsNodesInBothSpellings) {
  for (const std::string name : {"c-compute-01", "c-compute-0"}) {
    const Discovery found = Look(SmallPlan(), Controller() + Compute(name));
    ASSERT_EQ(found.nodes.size(), 2u);
    EXPECT_EQ(found.nodes[0].node, "hpc_controller");
    const DiscoveredNode& compute = found.nodes[1];
    EXPECT_EQ(compute.node, "hpc_compute_01");
    EXPECT_EQ(compute.domain, name);
    EXPECT_EQ(compute.uuid.size(), 36u);
    EXPECT_EQ(compute.state, "running");
    EXPECT_THAT(compute.mac_addresses, ElementsAre(kComputeMac));
    EXPECT_THAT(compute.address, StartsWith("192.168.140."));
    EXPECT_EQ(compute.address_source, "arp");
    EXPECT_EQ(compute.problem, "");
    EXPECT_NE(found.nodes[0].address, compute.address);
    EXPECT_THAT(found.unplanned, IsEmpty());
  }
}

TEST(DiscoverDomainsOnce, FindsByName) {
  const Discovery found = Look(SmallPlan(), Controller());
  EXPECT_EQ(found.Find("hpc_controller"), &found.nodes[0]);
  EXPECT_EQ(found.Find("nobody"), nullptr);
}

TEST(DiscoverDomainsOnce, SaysWhichNamesAMissingNodeMayHave) {
  const DiscoveredNode compute = *Look(SmallPlan(), Controller()).Find("hpc_compute_01");
  EXPECT_EQ(compute.domain, "");
  EXPECT_EQ(compute.address, "");
  EXPECT_THAT(compute.problem, AllOf(HasSubstr("no domain is named c-compute-01 or c-compute-0 at test://")));
}

TEST(DiscoverDomainsOnce, SaysInWhichStateANodeIs) {
  const Discovery found = Look(SmallPlan(), Controller(5) + Compute("c-compute-01", 6));
  EXPECT_EQ(found.nodes[0].state, "shut off");
  EXPECT_EQ(found.nodes[0].problem, "domain c-controller is shut off");
  EXPECT_EQ(found.nodes[0].address, "");
  EXPECT_EQ(found.nodes[1].problem, "domain c-compute-01 is crashed");
  EXPECT_THAT(found.nodes[1].mac_addresses, ElementsAre(kComputeMac));
}

TEST(DiscoverDomainsOnce, ANodeThatThePlanKeepsOffHasNoProblem) {
  Plan plan = SmallPlan();
  plan.nodes[1].auto_start = false;
  EXPECT_EQ(Look(plan, Controller() + Compute("c-compute-01", 5)).nodes[1].problem, "");
  EXPECT_EQ(Look(plan, Controller() + Compute("c-compute-01", 6)).nodes[1].problem, "domain c-compute-01 is crashed");
  EXPECT_NE(Look(plan, Controller()).nodes[1].problem, "");
}

TEST(DiscoverDomainsOnce, ListsUnplannedNodes) {
  EXPECT_THAT(Look(SmallPlan(), Controller() + Compute("c-compute-01") + TestHypervisor::Domain("c-compute-02") +
                                    TestHypervisor::Domain("other"))
                  .unplanned,
              ElementsAre("c-compute-02"));
}

TEST(DiscoverDomainsOnce, SaysWhereItLookedForAnAddress) {
  // The test driver gives an address to every interface but of domains without one.
  const DiscoveredNode compute = Look(SmallPlan(), Controller() + TestHypervisor::Domain("c-compute-01")).nodes[1];
  EXPECT_EQ(compute.address, "");
  EXPECT_THAT(compute.problem, HasSubstr("no DHCP lease, ARP entry or guest agent"));
}

TEST(DiscoverDomainsOnce, FallsBackToTheClusterFilesAddress) {
  Plan plan = SmallPlan();
  plan.nodes[1].address = "192.168.140.11";
  const DiscoveredNode silent = Look(plan, Controller() + TestHypervisor::Domain("c-compute-01")).nodes[1];
  EXPECT_EQ(silent.address, "192.168.140.11");
  EXPECT_EQ(silent.address_source, "cluster file");
  EXPECT_EQ(silent.problem, "");
  const DiscoveredNode seen = Look(plan, Controller() + Compute("c-compute-01")).nodes[1];
  EXPECT_NE(seen.address, "192.168.140.11");
  EXPECT_EQ(seen.address_source, "arp");
  const DiscoveredNode off = Look(plan, Controller() + Compute("c-compute-01", 5)).nodes[1];
  EXPECT_EQ(off.address, "");
}

TEST(DiscoverDomainsOnce, PrefersTheAddressOnTheClustersNetwork) {
  const std::string other =
      "<network><name>m</name><bridge name='virbr7'/><ip address='10.7.0.1' "
      "netmask='255.255.255.0'><dhcp><range start='10.7.0.2' end='10.7.0.254'/></dhcp></ip>"
      "</network>";
  const std::string domain =
      TestHypervisor::Domain("c-compute-01", TestHypervisor::Interface("m", "52:54:00:00:00:99") +
                                                 TestHypervisor::Interface("n", kComputeMac));
  EXPECT_THAT(Look(SmallPlan(), other + Controller() + domain).nodes[1].address, StartsWith("192.168.140."));
}

TEST(DiscoverDomainsOnce, AnArpEntryOutsideTheClustersSubnetIsNotBelieved) {
  const std::string other =
      "<network><name>m</name><bridge name='virbr7'/><ip address='10.7.0.1' "
      "netmask='255.255.255.0'><dhcp><range start='10.7.0.2' end='10.7.0.254'/></dhcp></ip>"
      "</network>";
  const std::string content = other + Controller() + Compute("c-compute-01", 1, "m");
  const DiscoveredNode compute = Look(SmallPlan(), content).nodes[1];
  EXPECT_EQ(compute.address, "");
  EXPECT_THAT(compute.problem, AllOf(HasSubstr("not believed: 10.7.0."), HasSubstr("(arp)"),
                                     HasSubstr("not in the cluster's subnet 192.168.140.0/24")));
  Plan plan = SmallPlan();
  plan.nodes[1].address = "192.168.140.11";
  EXPECT_EQ(Look(plan, content).nodes[1].address, "192.168.140.11") << "of the cluster file";
}

TEST(DiscoverDomainsOnce, TwoNodesAtOneAddressAreAProblem) {
  Plan plan = SmallPlan();
  plan.nodes[0].address = "192.168.140.11";
  plan.nodes[1].address = "192.168.140.11";
  const Discovery found = Look(plan, TestHypervisor::Domain("c-controller") + TestHypervisor::Domain("c-compute-01"));
  EXPECT_EQ(found.nodes[0].problem, "");
  EXPECT_EQ(found.nodes[1].problem, "its address 192.168.140.11 (cluster file) is that of hpc_controller too");
}

constexpr Deadline::Clock::duration kLong = std::chrono::minutes(5);

TEST(DiscoverDomains, ReturnsAtOnceWhenAllIsThere) {
  TestHypervisor host(Controller() + Compute("c-compute-01") + TestHypervisor::Network("n"));
  const Discovery found =
      DiscoverDomains(SmallPlan(), host.connection(), Deadline::After(kLong), std::chrono::seconds(300));
  EXPECT_EQ(found, DiscoverDomainsOnce(SmallPlan(), host.connection()));
}

TEST(DiscoverDomains, LosesPatienceWithWhatIsGoneOrOff) {
  TestHypervisor host(Controller(5) + TestHypervisor::Network("n"));
  const Discovery found =
      DiscoverDomains(SmallPlan(), host.connection(), Deadline::After(kLong), std::chrono::seconds(0));
  EXPECT_NE(found.nodes[0].problem, "");
  EXPECT_NE(found.nodes[1].problem, "");
}

TEST(DiscoverDomains, WaitsForADomainThatComesLater) {
  TestHypervisor host(Controller() + Compute("c-compute-01", 5) + TestHypervisor::Network("n"));
  std::thread deployer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    host.connection().StartDomain("c-compute-01");
  });
  const Discovery found =
      DiscoverDomains(SmallPlan(), host.connection(), Deadline::After(kLong), std::chrono::seconds(300));
  deployer.join();
  EXPECT_EQ(found.nodes[1].problem, "");
  EXPECT_EQ(found.nodes[1].state, "running");
}

TEST(DiscoverDomains, DoesNotWaitForANodeThatIsKeptOff) {
  Plan plan = SmallPlan();
  plan.nodes[1].auto_start = false;
  TestHypervisor host(Controller() + Compute("c-compute-01", 5) + TestHypervisor::Network("n"));
  const Discovery found = DiscoverDomains(plan, host.connection(), Deadline::After(kLong), std::chrono::seconds(300));
  EXPECT_EQ(found.nodes[1].state, "shut off");
}

TEST(DiscoverDomains, WaitsForAnAddressUntilTheDeadline) {
  TestHypervisor host(Controller() + TestHypervisor::Domain("c-compute-01") + TestHypervisor::Network("n"));
  const Deadline deadline = Deadline::After(std::chrono::milliseconds(100));
  const Discovery found = DiscoverDomains(SmallPlan(), host.connection(), deadline, std::chrono::seconds(0));
  EXPECT_TRUE(deadline.Passed()) << "patience is not for nodes that boot";
  EXPECT_EQ(found.nodes[0].problem, "");
  EXPECT_THAT(found.nodes[1].problem, HasSubstr("runs, but"));
}

TEST(DiscoverDomains, CanBeInterrupted) {
  TestHypervisor host;
  RequestInterruption(SIGINT);
  EXPECT_THROW(DiscoverDomains(SmallPlan(), host.connection(), Deadline::After(kLong)), InterruptedError);
  ClearInterruption();
}

TEST(DiscoveryJson, GivesBackTheSame) {
  const Discovery found = Look(SmallPlan(), Controller() + TestHypervisor::Domain("c-compute-02"));
  EXPECT_EQ(DiscoveryFromJson(ToJson(found)), found);
  EXPECT_EQ(found.source, "libvirt");
  EXPECT_THAT(found.location, StartsWith("test:///"));
}

TEST(DiscoveryJson, RefusesWhatIsNoDiscovery) {
  const std::string good = ToJson(Look(SmallPlan(), Controller()));
  EXPECT_THROW(DiscoveryFromJson(""), EvidenceError);
  EXPECT_THROW(DiscoveryFromJson("{}"), EvidenceError);
  EXPECT_THROW(DiscoveryFromJson(good.substr(0, good.size() / 2)), EvidenceError);
  Discovery elsewhere;
  elsewhere.nodes.emplace_back();
  for (const std::string& name : {std::string("../../elsewhere"), std::string("a\nb"), std::string(240, 'x')}) {
    elsewhere.nodes[0].domain = name;
    EXPECT_THROW(DiscoveryFromJson(ToJson(elsewhere)), EvidenceError) << "files are called by it: " << name;
  }
  EXPECT_THROW(DiscoveryFromJson(R"({"source": "libvirt", "location": "x", "nodes": [{}], "unplanned": []})"),
               EvidenceError);
  EXPECT_THROW(DiscoveryFromJson(R"({"source": "libvirt", "location": "x", "nodes": [], "unplanned": [1]})"),
               EvidenceError);
}

TEST(MergeDiscovery, TakesWhatIsKnownNowAndKeepsWhyANodeHasNoEvidence) {
  Discovery before;
  before.nodes.resize(3);
  before.nodes[0].node = "a";
  before.nodes[0].address = "192.168.140.11";
  before.nodes[0].address_source = "cluster file";
  before.nodes[1].node = "b";
  before.nodes[1].problem = "no address";
  before.nodes[2].node = "c";
  Discovery now = before;
  now.nodes[0].address = "192.168.140.99";
  now.nodes[0].address_source = "lease";
  now.nodes[1].problem.clear();
  now.nodes[1].address = "192.168.140.12";
  now.nodes[2].state = "crashed";
  now.nodes[2].problem = "domain c-c is crashed";
  const Discovery both = MergeDiscovery(before, now);
  EXPECT_EQ(both.nodes[0].address, "192.168.140.99");
  EXPECT_EQ(both.nodes[0].address_source, "lease");
  EXPECT_EQ(both.nodes[0].problem, "");
  EXPECT_EQ(both.nodes[1].problem, "no address");
  EXPECT_EQ(both.nodes[2].problem, "domain c-c is crashed");
}

// What a guest agent says is the guest's to choose, and libvirt hands it on as it is.
TEST(ChooseAddress, AGuestCannotNameAnotherMachine) {
  const auto subnet = Ipv4Subnet::Parse("192.168.140.0/24");
  const auto chosen = [&](const std::string& ipv4, const std::string& source) {
    const auto address = ChooseAddress(subnet, {{std::string(kComputeMac), ipv4, source}});
    return address ? address->ip : "";
  };
  for (const std::string source : {"agent", "arp"}) {
    EXPECT_EQ(chosen("192.168.140.57", source), "192.168.140.57");
    for (const char* hostile : {"10.0.0.7", "127.0.0.1", "192.168.141.57"}) EXPECT_EQ(chosen(hostile, source), "");
  }
  EXPECT_EQ(chosen("10.0.0.7", "lease"), "10.0.0.7") << "of the hypervisor's own DHCP server";
  for (const char* hostile : {"192.168.140.57\n  ProxyCommand touch /tmp/x", "192.168.140.57 ", "", "x"}) {
    EXPECT_EQ(chosen(hostile, "agent"), "");
    EXPECT_EQ(chosen(hostile, "lease"), "");
  }
  EXPECT_EQ(ChooseAddress(std::nullopt, {{"", "192.168.140.57", "agent"}}), std::nullopt);
}

TEST(ChooseAddress, PrefersTheClustersSubnetToALeaseElsewhere) {
  const auto address = ChooseAddress(Ipv4Subnet::Parse("192.168.140.0/24"),
                                     {{"", "10.0.0.7", "lease"}, {"", "192.168.140.57", "agent"}});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->ip, "192.168.140.57");
}

TEST(ChooseAddress, TakesAnIpv6LeaseOfANodeThatHasNoOther) {
  const auto subnet = Ipv4Subnet::Parse("192.168.140.0/24");
  const LibvirtConnection::Address ipv6{"", "fd00::5054:ff:fe00:1", "lease"};
  const auto alone = ChooseAddress(subnet, {ipv6});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->ip, ipv6.ip);
  EXPECT_EQ(ChooseAddress(subnet, {ipv6, {"", "192.168.140.57", "arp"}})->ip, "192.168.140.57");
  EXPECT_FALSE(ChooseAddress(subnet, {{"", "fd00::1", "agent"}})) << "an agent names any address it likes";
}

TEST(MovedTo, IsWhereTheNodeIsNow) {
  using Addresses = std::vector<LibvirtConnection::Address>;
  const Addresses now = {{"52:54:00:00:00:01", "192.168.140.57", "lease"}};
  const auto subnet = Ipv4Subnet::Parse("192.168.140.0/24");
  EXPECT_EQ(MovedTo("192.168.140.11", subnet, now), "192.168.140.57");
  EXPECT_EQ(MovedTo("192.168.140.57", subnet, now), std::nullopt);
  EXPECT_EQ(MovedTo("192.168.140.11", subnet, {}), std::nullopt) << "it is not up yet";
  const Addresses two = {{"52:54:00:00:00:01", "10.0.0.7", "lease"}, {"52:54:00:00:00:02", "192.168.140.11", "arp"}};
  EXPECT_EQ(MovedTo("192.168.140.11", subnet, two), std::nullopt) << "it is reached where it was";
  const Addresses lie = {{"52:54:00:00:00:01", "203.0.113.9", "agent"}};
  EXPECT_EQ(MovedTo("192.168.140.11", subnet, lie), std::nullopt) << "an agent names any address it likes";
}

}  // namespace
}  // namespace passthrough
