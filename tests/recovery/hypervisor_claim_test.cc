// Claims on libvirt's test driver, whose default host all connections of a process share.
#include "helpers/recovery/hypervisor_claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "helpers/base/object_uuid.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

constexpr char kUri[] = "test:///default";

ProcessIdentity EndedProcess() {
  ProcessIdentity ended = IdentityOf(getpid());
  ended.start_time = "0";
  return ended;
}

class HypervisorClaimTest : public testing::Test {
 protected:
  TeardownRecord Record(const std::string& run, const std::string& cluster, const std::string& device = "") const {
    TeardownRecord record;
    record.run = "/runs/" + run;
    record.libvirt_uri = kUri;
    record.domains = {cluster + "-compute-01"};
    record.networks = {cluster + "-network"};
    record.pools = {cluster + "-pool"};
    if (!device.empty()) record.devices = {device};
    record.claim_name = std::string(kClaimPrefix) + cluster;
    record.claim_uuid = ObjectUuid(run, "claim");
    record.claimed = true;
    record.owner = IdentityOf(getpid());
    return record;
  }
  void Define(const std::string& name, const std::string& uuid) {
    libvirt_.DefineDomain("<domain type='test'><name>" + name + "</name><uuid>" + uuid +
                          "</uuid><memory>1024</memory><os><type>hvm</type></os></domain>");
  }
  std::vector<std::string> ClaimNames() {
    std::vector<std::string> names;
    for (const ClaimDomain& claim : libvirt_.Claims()) names.push_back(claim.name);
    return names;
  }

  LibvirtConnection libvirt_ = LibvirtConnection::Open(kUri, Deadline::Never());
  Progress progress_{stderr, false};
};

TEST_F(HypervisorClaimTest, TheSecondRunIsToldWhoHoldsTheCluster) {
  HoldAtHypervisor(libvirt_, Record("one", "c"));
  EXPECT_THAT(
      [&] { HoldAtHypervisor(libvirt_, Record("two", "c")); },
      ThrowsMessage<Error>(AllOf(HasSubstr("held at test:///default by a run of"), HasSubstr("/runs/one"),
                                 HasSubstr(std::to_string(getpid())), HasSubstr("since 20"),
                                 HasSubstr("virsh -c test:///default dumpxml " + Record("one", "c").claim_name))));
  EXPECT_THAT(ClaimNames(), ElementsAre(Record("one", "c").claim_name));
}

// Two clusters of different names on one GPU.
TEST_F(HypervisorClaimTest, CoversTheDevices) {
  HoldAtHypervisor(libvirt_, Record("one", "c", "0000:01:00.0"));
  EXPECT_NO_THROW(HoldAtHypervisor(libvirt_, Record("two", "d", "0000:02:00.0")));
  EXPECT_THAT([&] { HoldAtHypervisor(libvirt_, Record("three", "e", "0000:01:00.0")); },
              ThrowsMessage<Error>(AllOf(HasSubstr("device 0000:01:00.0 is held"), HasSubstr("/runs/one"))));
  EXPECT_EQ(ClaimNames().size(), 2u);
}

// Whoever is first, exactly one of two that come at once gets the device.
TEST_F(HypervisorClaimTest, OfTwoAtOnceOneHoldsIt) {
  for (int round = 0; round < 50; ++round) {
    const std::string number = std::to_string(round);
    const auto attempt = [&](const std::string& name) {
      auto own = LibvirtConnection::Open(kUri, Deadline::Never());
      try {
        HoldAtHypervisor(own, Record(name + number, name + number, "0000:01:00.0"));
        return 1;
      } catch (const Error&) {
        return 0;
      }
    };
    auto one = std::async(std::launch::async, attempt, "a");
    auto other = std::async(std::launch::async, attempt, "b");
    EXPECT_EQ(one.get() + other.get(), 1) << round;
    for (const ClaimDomain& claim : libvirt_.Claims()) libvirt_.RemoveDomainWithUuid(claim.uuid);
  }
}

TEST_F(HypervisorClaimTest, IsNoDomainOfTheHost) {
  const Inventory before = libvirt_.TakeInventory();
  HoldAtHypervisor(libvirt_, Record("one", "c"));
  EXPECT_THAT(DescribeDifferences(before, libvirt_.TakeInventory()), IsEmpty());
  EXPECT_THAT(libvirt_.DomainNames(), Not(testing::Contains(HasSubstr("claim"))));
}

// What somebody wrote under that name is never taken for a claim, nor removed.
TEST_F(HypervisorClaimTest, ADomainOfThatNameThatSaysNothing) {
  Define(Record("one", "c").claim_name, "22222222-2222-2222-2222-222222222222");
  EXPECT_THAT([&] { HoldAtHypervisor(libvirt_, Record("two", "c")); },
              ThrowsMessage<Error>(HasSubstr("does not say who holds what")));
  EXPECT_THAT([&] { HoldAtHypervisor(libvirt_, Record("three", "d")); },
              ThrowsMessage<Error>(HasSubstr("does not say who holds")));
  EXPECT_FALSE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1))) << "it is in the way of every run";
  EXPECT_EQ(ClaimNames().size(), 1u);
}

// From any machine: by UUID, and nothing else of those names.
TEST_F(HypervisorClaimTest, ADeadClaimIsReapedByUuid) {
  const Inventory before = libvirt_.TakeInventory();
  TeardownRecord record = Record("one", "c");
  record.domains.push_back("c-compute-02");
  record.made = {{"domain c-compute-01", "11111111-1111-1111-1111-111111111111"},
                 {"domain c-compute-02", "33333333-3333-3333-3333-333333333333"},
                 {"network c-network", "44444444-4444-4444-4444-444444444444"}};
  record.owner = EndedProcess();
  HoldAtHypervisor(libvirt_, record);
  Define("c-compute-01", "11111111-1111-1111-1111-111111111111");
  libvirt_.DefineNetwork("<network><name>c-network</name><uuid>44444444-4444-4444-4444-444444444444</uuid></network>");
  Define("c-compute-02", "55555555-5555-5555-5555-555555555555");  // another's since
  EXPECT_TRUE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1)));
  EXPECT_THAT(ClaimNames(), IsEmpty());
  EXPECT_EQ(libvirt_.DomainUuid("c-compute-01"), std::nullopt);
  EXPECT_EQ(libvirt_.NetworkUuid("c-network"), std::nullopt);
  EXPECT_EQ(libvirt_.DomainUuid("c-compute-02"), "55555555-5555-5555-5555-555555555555");
  libvirt_.RemoveDomainWithUuid("55555555-5555-5555-5555-555555555555");
  EXPECT_THAT(DescribeDifferences(before, libvirt_.TakeInventory()), IsEmpty());
}

TEST_F(HypervisorClaimTest, OfRunsThatLiveOrAreKeptNothingIsReaped) {
  TeardownRecord kept = Record("kept", "k");
  kept.kept = true;
  kept.deployed = true;
  kept.owner = EndedProcess();
  for (TeardownRecord record : {Record("lives", "l"), kept}) {
    record.made = {{"domain " + record.domains[0], ObjectUuid(record.run, "domain")}};
    HoldAtHypervisor(libvirt_, record);
    Define(record.domains[0], ObjectUuid(record.run, "domain"));
  }
  EXPECT_TRUE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1)));
  EXPECT_EQ(ClaimNames().size(), 2u);
  EXPECT_NE(libvirt_.DomainUuid("l-compute-01"), std::nullopt);
  EXPECT_NE(libvirt_.DomainUuid("k-compute-01"), std::nullopt);
}

// Of a run on another machine, in a container or hidden from this user, only its signs of life tell; so of one whose
// guard tears down. That its machine was started anew since cannot be seen: clones of a machine have one identity.
TEST_F(HypervisorClaimTest, ASignOfLifeKeepsAClaim) {
  TeardownRecord far = Record("far", "f");
  far.owner.boot_id = "another";
  HoldAtHypervisor(libvirt_, far);
  std::jthread beats([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto own = LibvirtConnection::Open(kUri, Deadline::Never());
      RefreshClaim(own, far);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_TRUE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1)));
  EXPECT_EQ(ClaimNames().size(), 1u);
}

TEST_F(HypervisorClaimTest, AClusterIsKeptOnceItIsDeployed) {
  TeardownRecord record = Record("one", "c");
  record.kept = true;
  record.owner = EndedProcess();
  HoldAtHypervisor(libvirt_, record);
  EXPECT_TRUE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1)));
  EXPECT_THAT(ClaimNames(), IsEmpty()) << "nothing was made, so nothing is kept";
  HoldAtHypervisor(libvirt_, record);
  record.deployed = true;
  RefreshClaim(libvirt_, record);
  EXPECT_TRUE(ReapDeadClaims(kUri, progress_, std::chrono::seconds(1)));
  EXPECT_EQ(ClaimNames().size(), 1u);
}

// Its claim was reaped while its machine slept, and another run made the names since.
TEST_F(HypervisorClaimTest, WhoeverLostItsClaimKnowsThatAnotherHoldsIt) {
  const TeardownRecord one = Record("one", "c");
  EXPECT_FALSE(AnotherHolds(libvirt_, one));
  HoldAtHypervisor(libvirt_, one);
  EXPECT_FALSE(AnotherHolds(libvirt_, one));
  libvirt_.RemoveDomainWithUuid(one.claim_uuid);
  HoldAtHypervisor(libvirt_, Record("two", "c"));
  EXPECT_TRUE(AnotherHolds(libvirt_, one));
}

TEST_F(HypervisorClaimTest, WhatAppearsWhileTheCreateRunsIsRecorded) {
  TeardownRecord record = Record("one", "c");
  HoldAtHypervisor(libvirt_, record);
  record.deployed = true;
  Define("c-compute-01", "11111111-1111-1111-1111-111111111111");
  RefreshClaim(libvirt_, record);
  EXPECT_THAT(MadeByClaim(libvirt_, record),
              ElementsAre(std::pair("domain c-compute-01", "11111111-1111-1111-1111-111111111111")));
  record.create_ended = true;
  libvirt_.DefineNetwork("<network><name>c-network</name></network>");
  RefreshClaim(libvirt_, record);
  EXPECT_EQ(MadeByClaim(libvirt_, record).size(), 1u) << "what comes after the create is another's";
}

}  // namespace
}  // namespace passthrough
