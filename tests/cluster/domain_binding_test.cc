#include "helpers/cluster/domain_binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/libvirt/dhcp_leases.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

PlannedNode Node(std::string name, NodeRole role, std::vector<std::string> domain_names) {
  PlannedNode node;
  node.name = std::move(name);
  node.cluster = "c";
  node.role = role;
  node.domain_names = std::move(domain_names);
  return node;
}

// Cluster "c": a controller and two compute nodes.
Plan TwoComputeNodes() {
  Plan plan;
  plan.clusters.emplace_back().name = "c";
  plan.nodes = {Node("hpc_controller", NodeRole::kController, {"c-controller"}),
                Node("hpc_compute_01", NodeRole::kCompute, {"c-compute-01", "c-compute-0"}),
                Node("hpc_compute_02", NodeRole::kCompute, {"c-compute-02", "c-compute-1"})};
  return plan;
}

TEST(BindDomains, KnowsBothSpellings) {
  EXPECT_THAT(BindDomains(TwoComputeNodes(), {"c-compute-01", "c-compute-02", "c-controller"}).domain_of_node,
              UnorderedElementsAre(Pair("hpc_controller", "c-controller"), Pair("hpc_compute_01", "c-compute-01"),
                                   Pair("hpc_compute_02", "c-compute-02")));
  EXPECT_THAT(BindDomains(TwoComputeNodes(), {"c-compute-0", "c-compute-1", "c-controller"}).domain_of_node,
              UnorderedElementsAre(Pair("hpc_controller", "c-controller"), Pair("hpc_compute_01", "c-compute-0"),
                                   Pair("hpc_compute_02", "c-compute-1")));
}

TEST(BindDomains, AMissingNodeIsNotBound) {
  const DomainBinding binding = BindDomains(TwoComputeNodes(), {"c-controller", "c-compute-1"});
  EXPECT_THAT(binding.domain_of_node,
              UnorderedElementsAre(Pair("hpc_controller", "c-controller"), Pair("hpc_compute_02", "c-compute-1")));
  EXPECT_THAT(binding.unplanned, IsEmpty());
}

TEST(BindDomains, OneRoleFollowsOneSpelling) {
  const DomainBinding binding =
      BindDomains(TwoComputeNodes(), {"c-compute-01", "c-compute-02", "c-compute-0", "c-controller"});
  EXPECT_EQ(binding.domain_of_node.at("hpc_compute_01"), "c-compute-01");
  EXPECT_THAT(binding.unplanned, ElementsAre("c-compute-0"));

  const DomainBinding even = BindDomains(TwoComputeNodes(), {"c-compute-01", "c-compute-1"});
  EXPECT_THAT(even.domain_of_node, UnorderedElementsAre(Pair("hpc_compute_01", "c-compute-01")));
  EXPECT_THAT(even.unplanned, ElementsAre("c-compute-1"));
}

TEST(BindDomains, TellsUnplannedNodesOfTheClusterFromOtherPeoplesDomains) {
  const DomainBinding binding =
      BindDomains(TwoComputeNodes(), {"c-compute-03", "c-gpu-worker-01", "c-control-plane", "c-pcie-compute-01",
                                      "c-compute-", "c-compute-x", "cc-compute-01", "c", "c-", "compute-01", "web"});
  EXPECT_THAT(binding.unplanned, ElementsAre("c-compute-03", "c-control-plane", "c-gpu-worker-01"));
}

TEST(NewestLease, IsTheLastOfTheMac) {
  const std::vector<DhcpLease> leases = {{"52:54:00:00:00:01", "192.168.1.9", "", 0},
                                         {"52:54:00:00:00:02", "192.168.1.8", "", 0},
                                         {"52:54:00:00:00:01", "192.168.1.7", "", 0}};
  EXPECT_EQ(NewestLease(leases, "52:54:00:00:00:01"), &leases[2]);
  EXPECT_EQ(NewestLease(leases, "52:54:00:00:00:02"), &leases[1]);
  EXPECT_EQ(NewestLease(leases, "52:54:00:00:00:03"), nullptr);
}

TEST(NewestLease, IsIpv4WhereThereIsOne) {
  const std::vector<DhcpLease> leases = {
      {"m", "fd00::1", "", 900}, {"m", "192.168.140.11", "", 100}, {"m", "fd00::2", "", 999}};
  EXPECT_EQ(NewestLease(leases, "m"), &leases[1]);
  EXPECT_EQ(NewestLease({{"m", "fd00::1", "", 900}}, "m")->ip, "fd00::1");
}

TEST(NewestLease, EndsLaterWhereBothEnd) {
  const std::vector<DhcpLease> leases = {{"m", "192.168.1.9", "", 2000}, {"m", "192.168.1.8", "", 1000}};
  EXPECT_EQ(NewestLease(leases, "m"), &leases[0]);
}

}  // namespace
}  // namespace passthrough
