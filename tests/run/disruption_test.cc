#include "helpers/run/disruption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class DisruptionTest : public testing::Test {
 protected:
  DisruptionTest() { std::filesystem::create_directories(run_.Evidence() / "node"); }
  const TemporaryDirectory logs_{"disruption"};
  const RunDirectory run_ = RunDirectory::Create(logs_.path());
};

TEST_F(DisruptionTest, IsReadAsItWasWritten) {
  Disruption disruption;
  disruption.steps.push_back({.look = AfterReboot(2),
                              .error = "it said \xff",  // not UTF-8: must not make the file unwritable
                              .console = "panic",
                              .seconds = 1.5,
                              .boot_id_before = "a",
                              .boot_id_after = "b"});
  WriteDisruption(run_, "node", disruption);
  const Disruption read = ReadDisruption(run_, "node");
  const DisruptionStep* step = read.Find("after-reboot-2");
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->console, "panic");
  EXPECT_EQ(step->boot_id_after, "b");
  EXPECT_THAT(step->error, testing::StartsWith("it said "));
  EXPECT_EQ(read.Find(kAfterRescan), nullptr);
}

TEST_F(DisruptionTest, WhatIsMissingOrBrokenIsAnErrorThatNamesTheFile) {
  EXPECT_THAT([&] { ReadDisruption(run_, "node"); },
              ThrowsMessage<EvidenceError>(AllOf(HasSubstr("node: "), HasSubstr("evidence/node/disruption.json"))));
  WriteFile(run_.Evidence() / "node" / "disruption.json", "{\"steps\": 7}");
  EXPECT_THROW(ReadDisruption(run_, "node"), EvidenceError);
}

// A node whose evidence of before is missing is not touched, and says so for each step.
TEST_F(DisruptionTest, ANodeOfWhichNothingIsKnownIsLeftAlone) {
  Disrupt({"node", "domain", {}, {}}, {.rescan = true, .unplug = true, .reboots = 2}, {}, run_);
  const Disruption read = ReadDisruption(run_, "node");
  ASSERT_EQ(read.steps.size(), 5u);
  for (const DisruptionStep& step : read.steps) EXPECT_THAT(step.error, HasSubstr("not tried"));
}

TEST(ProblemOfMachineTest, OnlyTheDomainItselfIsDisturbed) {
  const std::string uuid = "dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566";
  EXPECT_EQ(ProblemOfMachine(uuid + "\n", "d", uuid), "");
  EXPECT_EQ(ProblemOfMachine("DFE224CB-28FB-8DD0-C4B2-64EB3F0F4566\n", "d", uuid), "");
  EXPECT_THAT(ProblemOfMachine("", "d", uuid), HasSubstr("not known whether this is domain d"));
  EXPECT_THAT(ProblemOfMachine("0fe224cb-28fb-8dd0-c4b2-64eb3f0f4566\n", "d", uuid),
              AllOf(HasSubstr("UUID 0fe224cb"), HasSubstr("domain d has UUID " + uuid)));
}

}  // namespace
}  // namespace passthrough
