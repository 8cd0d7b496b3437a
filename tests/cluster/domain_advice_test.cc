#include "helpers/cluster/domain_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kUri[] = "qemu:///system";

DiscoveredNode In(const std::string& state, const std::string& reason = {}) {
  DiscoveredNode found;
  found.domain = "c-compute-01";
  found.state = state;
  found.reason = reason;
  return found;
}

// VFIO's way to end a VM whose device had a fatal PCIe error: QEMU resumes it no more.
TEST(DomainAdvice, APauseOfANodeWithDevicesThatLibvirtCannotExplain) {
  EXPECT_THAT(HowToBringDomain(In("paused"), "running", kUri, true),
              AllOf(HasSubstr("vfio_err_notifier_handler"), HasSubstr("/var/log/libvirt/qemu/c-compute-01.log"),
                    HasSubstr("AER in the host's kernel log"), Not(HasSubstr("virsh -c qemu:///system resume")),
                    HasSubstr("virsh -c qemu:///system destroy c-compute-01; "
                              "virsh -c qemu:///system start c-compute-01")));
}

TEST(DomainAdvice, OtherPauses) {
  EXPECT_THAT(HowToBringDomain(In("paused", "by a user"), "running", kUri, true),
              HasSubstr("virsh -c qemu:///system resume c-compute-01"));
  EXPECT_THAT(HowToBringDomain(In("paused"), "running", kUri, false),
              HasSubstr("virsh -c qemu:///system resume c-compute-01"));
}

TEST(DomainAdvice, OtherStates) {
  EXPECT_THAT(HowToBringDomain(In("shut off"), "running", kUri, true),
              HasSubstr("virsh -c qemu:///system start c-compute-01"));
  EXPECT_THAT(HowToBringDomain(In("running"), "shut off", kUri, true),
              HasSubstr("virsh -c qemu:///system shutdown c-compute-01"));
}

// What is known is told: an empty reason means a pause that libvirt cannot explain.
TEST(DomainReason, EachReasonForAPauseHasWords) {
  for (int reason = VIR_DOMAIN_PAUSED_USER; reason <= VIR_DOMAIN_PAUSED_POSTCOPY_FAILED; ++reason) {
    EXPECT_NE(DomainReasonText(VIR_DOMAIN_PAUSED, reason), "") << reason;
  }
  EXPECT_EQ(DomainReasonText(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN), "");
}

}  // namespace
}  // namespace passthrough
