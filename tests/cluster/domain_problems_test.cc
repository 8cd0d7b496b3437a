#include "helpers/cluster/domain_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const PciAddress kPassedThrough = PciAddress::Parse("0000:01:00.0").value();
const PciAddress kOther = PciAddress::Parse("0000:05:00.0").value();
constexpr char kLibvirtUri[] = "qemu:///system";
constexpr char kMac[] = "52:54:00:00:00:01";

DomainHostdev Hostdev(const PciAddress& address, bool managed = true) {
  return {.host_address = address, .guest_address = {}, .alias = {}, .managed = managed};
}

PlannedNode Node() {
  PlannedNode node;
  PlannedDevice gpu;
  gpu.host_address = kPassedThrough;
  gpu.type = DeviceType::kGpu;
  node.devices = {gpu};
  return node;
}

DomainInventory Domain(const std::string& name = "d") {
  DomainInventory domain;
  domain.name = name;
  domain.state = "running";
  domain.hostdevs = {Hostdev(kPassedThrough)};
  domain.defined_hostdevs = domain.hostdevs;
  domain.mac_addresses = {kMac};
  domain.networks = {"net"};
  return domain;
}

TEST(DefinitionProblemsTest, AHealthyDomainKeepsWhatItHas) {
  EXPECT_THAT(DefinitionProblems(Node(), Domain(), kLibvirtUri), IsEmpty());
  DomainInventory unknown = Domain();
  unknown.defined_hostdevs = std::nullopt;
  EXPECT_THAT(DefinitionProblems(Node(), unknown, kLibvirtUri), IsEmpty());
  DomainInventory transient = Domain();
  transient.persistent = false;
  EXPECT_THAT(DefinitionProblems(PlannedNode(), transient, kLibvirtUri), IsEmpty()) << "a node without devices";
}

TEST(DefinitionProblemsTest, ADeviceThatIsGoneAtTheNextStart) {
  DomainInventory domain = Domain();
  domain.defined_hostdevs = {Hostdev(kOther)};
  const auto problems = DefinitionProblems(Node(), domain, kLibvirtUri);
  ASSERT_THAT(problems, SizeIs(2));
  EXPECT_THAT(problems[0].found, HasSubstr("domain d has 0000:01:00.0 now and not in its definition"));
  EXPECT_FALSE(problems[0].note);
  EXPECT_THAT(problems[0].advice, HasSubstr("virsh -c qemu:///system dumpxml --inactive d"));
  EXPECT_THAT(problems[1].found, HasSubstr("gets 0000:05:00.0 when it starts the next time"));
}

// It was unplugged: another check says so.
TEST(DefinitionProblemsTest, ADeviceThatIsMissingNowIsNoMatterOfTheDefinition) {
  DomainInventory domain = Domain();
  domain.hostdevs = {};
  EXPECT_THAT(DefinitionProblems(Node(), domain, kLibvirtUri), IsEmpty());
}

TEST(DefinitionProblemsTest, WhatMayBeInOrderIsANote) {
  DomainInventory domain = Domain();
  domain.defined_hostdevs = {Hostdev(kPassedThrough, false)};
  auto problems = DefinitionProblems(Node(), domain, kLibvirtUri);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_TRUE(problems[0].note);
  EXPECT_THAT(problems[0].found, HasSubstr("managed='yes' now, and 'no' in its definition"));
  domain.persistent = false;
  problems = DefinitionProblems(Node(), domain, kLibvirtUri);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_TRUE(problems[0].note);
  EXPECT_THAT(problems[0].found, HasSubstr("is transient"));
}

Inventory HostWith(const std::vector<DomainInventory>& domains) {
  Inventory host;
  host.domains = domains;
  return host;
}

TEST(SharedMacProblemsTest, ASecondDomainMustNotHaveTheMac) {
  DomainInventory copy = Domain("copy");
  copy.state = "shut off";
  const auto problems = SharedMacProblems(Domain(), HostWith({copy, Domain()}), kLibvirtUri);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].found, AllOf(HasSubstr("domain copy (shut off) has MAC 52:54:00:00:00:01 of domain d")));
  EXPECT_FALSE(problems[0].note);
}

TEST(SharedMacProblemsTest, OnAnotherNetworkItMay) {
  DomainInventory copy = Domain("copy");
  copy.networks = {"other"};
  EXPECT_THAT(SharedMacProblems(Domain(), HostWith({copy, Domain()}), kLibvirtUri), IsEmpty());
  copy.networks = {""};  // a bridge: any network
  EXPECT_THAT(SharedMacProblems(Domain(), HostWith({copy, Domain()}), kLibvirtUri), SizeIs(1));
  copy.networks = {};  // evidence that does not say
  EXPECT_THAT(SharedMacProblems(Domain(), HostWith({copy, Domain()}), kLibvirtUri), SizeIs(1));
}

TEST(SharedMacProblemsTest, NorMayItBeThereTwice) {
  DomainInventory domain = Domain();
  EXPECT_THAT(SharedMacProblems(domain, HostWith({domain}), kLibvirtUri), IsEmpty());
  domain.mac_addresses = {kMac, kMac};
  domain.networks = {"net", "net"};
  const auto problems = SharedMacProblems(domain, HostWith({domain}), kLibvirtUri);
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].found, HasSubstr("two interfaces with MAC"));
}

}  // namespace
}  // namespace passthrough
