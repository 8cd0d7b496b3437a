#include "helpers/libvirt/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "helpers/base/interruption.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

// However long all of it takes.
TEST(RunWhileAnsweredTest, WaitsAsLongAsAnswersCome) {
  const int result = RunWhileAnswered(seconds(1), Deadline::Never(), "looking", [] {
    for (int i = 0; i < 8; ++i) {
      std::this_thread::sleep_for(milliseconds(200));
      CountAnswer();
    }
    return 7;
  });
  EXPECT_EQ(result, 7);
}

TEST(RunWhileAnsweredTest, GivesUpWhereNoneComes) {
  EXPECT_THAT(
      [] {
        RunWhileAnswered(seconds(1), Deadline::Never(), "looking at x", [] {
          CountAnswer();
          std::this_thread::sleep_for(seconds(3));
          return 0;
        });
      },
      ThrowsMessage<TimeoutError>(AllOf(HasSubstr("looking at x: libvirt has not answered for 1 s, after 1 answers"),
                                        HasSubstr("time_limits.libvirt"))));
}

TEST(RunWhileAnsweredTest, OtherThreadsAnswersDoNotCount) {
  std::jthread other([] {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(milliseconds(100));
      CountAnswer();
    }
  });
  EXPECT_THROW(RunWhileAnswered(seconds(1), Deadline::Never(), "looking",
                                [] {
                                  std::this_thread::sleep_for(seconds(3));
                                  return 0;
                                }),
               TimeoutError);
}

TEST(RunWhileAnsweredTest, PassesOnWhatTheWorkThrows) {
  EXPECT_THROW(RunWhileAnswered(seconds(1), Deadline::Never(), "looking", []() -> int { throw LibvirtError("no"); }),
               LibvirtError);
}

TEST(RunWhileAnsweredTest, CanBeInterrupted) {
  RequestInterruption(SIGINT);
  EXPECT_THROW(RunWhileAnswered(seconds(60), Deadline::Never(), "looking",
                                [] {
                                  std::this_thread::sleep_for(seconds(2));
                                  return 0;
                                }),
               InterruptedError);
  ClearInterruption();
}

}  // namespace
}  // namespace passthrough
