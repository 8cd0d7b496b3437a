#include "helpers/base/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RunByTest, GivesWhatTheWorkGives) {
  EXPECT_EQ(RunWithDeadline(Deadline::After(seconds(60)), "adding", [] { return 1 + 1; }), 2);
}

// Often: whether thread or caller is the last to have the error in hand is not the same each time (ThreadSanitizer).
TEST(RunByTest, ThrowsWhatTheWorkThrows) {
  for (int i = 0; i < 2000; ++i) {
    try {
      RunWithDeadline(Deadline::After(seconds(60)), "failing", [] { throw SshError("no way"); });
      FAIL() << "nothing thrown";
    } catch (const SshError& error) {
      EXPECT_EQ(std::string(error.what()), "no way");
    }
  }
}

TEST(RunByTest, LeavesWorkThatTakesTooLong) {
  // The work owns what it waits for: it goes on for a moment after this.
  const auto enough = std::make_shared<std::promise<void>>();
  try {
    RunWithDeadline(Deadline::After(milliseconds(50)), "resolving x", [done = enough->get_future().share()] {
      done.wait();
      return 0;
    });
    ADD_FAILURE() << "no TimeoutError";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "resolving x: no success in time");
  }
  enough->set_value();
}

}  // namespace
}  // namespace passthrough
