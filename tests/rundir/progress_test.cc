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
#include "helpers/rundir/phase_estimates.h"

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

// A terminal that a test reads from.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    EXPECT_EQ(grantpt(master_), 0);
    EXPECT_EQ(unlockpt(master_), 0);
    out_ = std::fopen(ptsname(master_), "w");
  }
  ~Terminal() {
    std::fclose(out_);
    close(master_);
  }
  std::FILE* out() { return out_; }
  std::string Read() {
    std::fflush(out_);
    std::string text(4096, '\0');
    const ssize_t count = read(master_, text.data(), text.size());
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }

 private:
  int master_;
  std::FILE* out_ = nullptr;
};

TEST(ProgressOnATerminal, HasABarAndTheTimeLeftWhereEarlierRunsTellIt) {
  setenv("TERM", "xterm", 1);
  Terminal terminal;
  Progress progress(terminal.out(), false);
  progress.Begin("deploying", 90);
  EXPECT_THAT(terminal.Read(), HasSubstr("deploying … [----------] about 1 min 30 s left"));
  progress.Begin("looking");
  EXPECT_THAT(terminal.Read(), Not(HasSubstr("left")));
}

TEST(PhaseEstimatesTest, AreTheMedianOfEarlierRunsOfThisCluster) {
  const TemporaryDirectory logs("estimates");
  RunRecord record;
  record.cluster = "c";
  record.profile = "lab";
  const auto write = [&](const std::string& name, double seconds, const std::string& cluster,
                         const std::string& error) {
    RunRecord other = record;
    other.cluster = cluster;
    other.phases = {{.name = "deploy", .seconds = seconds, .error = error}};
    std::filesystem::create_directory(logs.path() / name);
    WriteRunRecord(logs.path() / name / "run.json", other);
  };
  EXPECT_THAT(EstimatePhases(logs.path(), record), testing::IsEmpty());
  EXPECT_THAT(EstimatePhases(logs.path() / "gone", record), testing::IsEmpty());
  write("run-1", 500, "c", "");  // six runs ago
  for (int i = 2; i <= 4; ++i) write("run-" + std::to_string(i), 10 * i, "c", "");
  write("run-5", 1000, "c", "it failed");
  write("run-6", 2000, "another", "");
  write("run-7", 12, "c", "");
  std::filesystem::create_directory(logs.path() / "run-8");
  WriteFile(logs.path() / "run-8" / "run.json", "no JSON");
  EXPECT_THAT(EstimatePhases(logs.path(), record), testing::ElementsAre(testing::Pair("deploy", 30)));
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
