#include "helpers/health/setup_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kWhere[] = "evidence/n/collection.json";

SetupOutcome CloudInit(std::optional<int> status, const std::string& output = "status: error") {
  return {.command = "cloud-init status --wait",
          .is_cloud_init = true,
          .exit_status = status,
          .output = output,
          .problem = status ? "" : "it had not ended after 15 min"};
}

Finding Only(const Findings& findings) {
  EXPECT_EQ(findings.size(), 1u);
  return findings.empty() ? Finding() : findings[0];
}

TEST(SetupProblemsTest, ANodeThatIsSetUpHasNone) {
  EXPECT_THAT(SetupProblems(CloudInit(0), false, kWhere), IsEmpty());
  EXPECT_THAT(SetupProblems({}, false, kWhere), IsEmpty()) << "nothing was waited for";
}

TEST(SetupProblemsTest, CloudInitThatFailedIsAFailureOfAFreshCluster) {
  const Finding fresh = Only(SetupProblems(CloudInit(1), false, kWhere));
  EXPECT_FALSE(fresh.note);
  EXPECT_THAT(fresh.found, AllOf(HasSubstr("cloud-init failed"), HasSubstr("status: error")));
  EXPECT_EQ(fresh.where, kWhere);
  EXPECT_TRUE(Only(SetupProblems(CloudInit(1), true, kWhere)).note) << "its first boot may be long ago";
}

TEST(SetupProblemsTest, WhatItRecoveredFromIsANote) {
  const Finding finding = Only(SetupProblems(CloudInit(2, "status: done"), false, kWhere));
  EXPECT_TRUE(finding.note);
  EXPECT_THAT(finding.found, HasSubstr("from which it recovered"));
}

TEST(SetupProblemsTest, OtherStatusesSayNothing) {
  const Finding finding = Only(SetupProblems(CloudInit(127), false, kWhere));
  EXPECT_TRUE(finding.note);
  EXPECT_THAT(finding.found, HasSubstr("is not known"));
}

TEST(SetupProblemsTest, ThatItDoesNotEndIsAFailureOfAFreshCluster) {
  const Finding fresh = Only(SetupProblems(CloudInit(std::nullopt), false, kWhere));
  EXPECT_FALSE(fresh.note);
  EXPECT_THAT(fresh.found, HasSubstr("it had not ended after 15 min"));
  EXPECT_THAT(fresh.advice, HasSubstr("time_limits.ready"));
  EXPECT_TRUE(Only(SetupProblems(CloudInit(std::nullopt), true, kWhere)).note);
}

TEST(SetupProblemsTest, ACommandOfTheProfilesOwnHasToSucceedEverywhere) {
  SetupOutcome own = CloudInit(2, "no driver yet");
  own.command = "test -e /run/ready";
  own.is_cloud_init = false;
  const Finding finding = Only(SetupProblems(own, true, kWhere));
  EXPECT_FALSE(finding.note);
  EXPECT_THAT(finding.found,
              AllOf(HasSubstr("test -e /run/ready: ended with exit status 2"), HasSubstr("no driver yet")));
}

}  // namespace
}  // namespace passthrough
