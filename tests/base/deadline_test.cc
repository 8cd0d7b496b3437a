#include "helpers/base/deadline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "helpers/base/error.h"
#include "helpers/base/interruption.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class DeadlineTest : public testing::Test {
 protected:
  void TearDown() override { ClearInterruption(); }
};

TEST_F(DeadlineTest, NeverDoesNotPass) {
  EXPECT_FALSE(Deadline::Never().Passed());
  EXPECT_EQ(Deadline::Never().LeftMilliseconds(250), 250);
  EXPECT_NO_THROW(Deadline::Never().Check("waiting"));
}

TEST_F(DeadlineTest, TheSoonerOfTwoCounts) {
  const Deadline long_one = Deadline::After(hours(2));
  EXPECT_LE(long_one.OrAfter(hours(1)).Left(), hours(1));
  EXPECT_LE(long_one.OrAfter(hours(3)).Left(), hours(2));
  EXPECT_LE(Deadline::Never().OrAfter(hours(1)).Left(), hours(1));
}

TEST_F(DeadlineTest, PassedOneTellsWhatWasWaitedForAndTheLastCause) {
  const Deadline passed = Deadline::After(milliseconds(0));
  EXPECT_EQ(passed.LeftMilliseconds(), 0);
  EXPECT_THAT([&] { passed.Check("waiting for SSH", "Connection refused"); },
              ThrowsMessage<TimeoutError>(AllOf(HasSubstr("waiting for SSH"), HasSubstr("Connection refused"))));
}

TEST_F(DeadlineTest, InterruptionIsHeededUnlessForTeardown) {
  RequestInterruption(SIGINT);
  EXPECT_THAT([] { Deadline::Never().Check("deploying"); },
              ThrowsMessage<InterruptedError>(HasSubstr("deploying: interrupted by SIGINT")));
  EXPECT_NO_THROW(Deadline::Never().Uninterruptible().Check("destroying"));
  EXPECT_NO_THROW(Deadline::Never().Uninterruptible().OrAfter(hours(1)).Check("destroying"));
}

TEST_F(DeadlineTest, WaitForReturnsTheValueOfTheFirstAttemptThatHasOne) {
  int attempts = 0;
  const int value = WaitFor(Deadline::After(hours(1)), "counting", [&](std::string*) {
    return ++attempts == 3 ? std::optional<int>(attempts) : std::nullopt;
  });
  EXPECT_EQ(value, 3);
}

TEST_F(DeadlineTest, WaitForTriesAtLeastOnceAndCarriesTheLastCause) {
  int attempts = 0;
  const auto wait = [&] {
    WaitFor(Deadline::After(milliseconds(0)), "finding it", [&](std::string* cause) {
      ++attempts;
      *cause = "no such domain";
      return std::optional<int>();
    });
  };
  EXPECT_THAT(wait, ThrowsMessage<TimeoutError>(HasSubstr("no such domain")));
  EXPECT_EQ(attempts, 1);
}

}  // namespace
}  // namespace passthrough
