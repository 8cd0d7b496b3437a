#include "helpers/rundir/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "helpers/base/descriptor.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() : file_(std::fopen((directory_.path() / "out").c_str(), "w")) {}
  ~ProgressTest() override { std::fclose(file_); }
  std::string Written() {
    std::fflush(file_);
    return ReadFile(directory_.path() / "out");
  }
  std::FILE* file() { return file_; }

 private:
  TemporaryDirectory directory_{"progress"};
  std::FILE* file_;
};

TEST_F(ProgressTest, InALogEachStepHasALineAtItsStartAndOneAtItsEnd) {
  {
    Progress progress(file(), false);
    progress.Begin("deploying test");
    progress.Say("a detail");
    EXPECT_GE(progress.End("deployed test"), 0);
  }
  EXPECT_THAT(Written(), ContainsRegex("\\[ +0.0 s\\] deploying test …\n"
                                       "\\[ +0.0 s\\] deployed test \\(0.0 s\\)\n"));
  EXPECT_THAT(Written(), Not(HasSubstr("a detail")));
  EXPECT_THAT(Written(), Not(HasSubstr("\r")));
}

TEST_F(ProgressTest, VerboseTellsDetailsWithoutControlCharacters) {
  {
    Progress progress(file(), true);
    progress.Begin("deploying");
    progress.Say("\x1b[31mred\nsecond line");
  }
  EXPECT_THAT(Written(), HasSubstr("\\x1b[31mred\n"));
  EXPECT_THAT(Written(), Not(HasSubstr("second line")));
}

TEST_F(ProgressTest, WholeLinesHaveNoControlCharactersEither) {
  {
    Progress progress(file(), false);
    progress.Begin("\x1b[2Jdeploying");
    progress.Line("\x1b]0;owned\x07");
    progress.End("\xff done");
  }
  EXPECT_THAT(Written(), testing::AllOf(HasSubstr("\\x1b[2Jdeploying"), HasSubstr("\\x1b]0;owned\\x07"),
                                        HasSubstr("\\xff done"), Not(HasSubstr("\x1b"))));
}

TEST(ProgressWithoutReader, AFullDiskOrAClosedPipeStopsNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  std::signal(SIGPIPE, SIG_IGN);
  for (std::FILE* const out : {std::fopen("/dev/full", "w"), fdopen(ends[1], "w")}) {
    std::setvbuf(out, nullptr, _IONBF, 0);  // as stderr is
    Progress progress(out, true);
    EXPECT_NO_THROW({
      progress.Begin("destroying");
      progress.Say("a detail");
      progress.Line("a line");
      progress.End("destroyed");
    });
  }
}

// What a terminal of 40 columns was sent.
TEST(ProgressOnATerminal, OneClockAndAMarkWhereItIsCut) {
  const Descriptor controller(posix_openpt(O_RDWR | O_NOCTTY));
  ASSERT_EQ(grantpt(controller.get()) | unlockpt(controller.get()), 0);
  const winsize size{.ws_row = 24, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(ioctl(controller.get(), TIOCSWINSZ, &size), 0);
  std::FILE* const out = fdopen(open(ptsname(controller.get()), O_RDWR | O_NOCTTY), "w");
  setenv("TERM", "xterm", 1);
  {
    Progress progress(out, false);
    progress.Begin("collecting");
    progress.Say("hpc_compute_01: something that is long enough");
  }
  char text[4096];
  const ssize_t count = read(controller.get(), text, sizeof text);
  std::fclose(out);
  ASSERT_GT(count, 0);
  const std::string sent(text, static_cast<size_t>(count));
  EXPECT_THAT(sent, HasSubstr("\r[   0.0 s] collecting …\x1b[K"));
  EXPECT_THAT(sent, HasSubstr("\r[   0.0 s] collecting …  hpc_compute…\x1b[K"));
}

// The moving line is drawn by a thread: what is thrown there ends the process.
TEST(ProgressWithoutReader, AClosedTerminalStopsNothing) {
  const int controller = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_EQ(grantpt(controller) | unlockpt(controller), 0);
  std::FILE* const out = fdopen(open(ptsname(controller), O_RDWR | O_NOCTTY), "w");
  std::setvbuf(out, nullptr, _IONBF, 0);
  setenv("TERM", "xterm", 1);
  Progress progress(out, false);
  progress.Begin("destroying");
  close(controller);
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // it is drawn four times a second
  EXPECT_NO_THROW(progress.End("destroyed"));
}

}  // namespace
}  // namespace passthrough
