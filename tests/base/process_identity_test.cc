#include "helpers/base/process_identity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace passthrough {
namespace {

// A process that leads a group of its own and waits to be ended; with `heedless`, SIGTERM does not do.
pid_t StartLeader(bool heedless = false) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    if (heedless) signal(SIGTERM, SIG_IGN);
    while (true) pause();
  }
  setpgid(child, child);
  return child;
}

int WaitFor(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(ProcessIdentity, IsAliveUntilItsEnd) {
  const pid_t child = StartLeader();
  const ProcessIdentity identity = IdentityOf(child);
  EXPECT_EQ(identity.pid, child);
  EXPECT_TRUE(IsAlive(identity));
  kill(child, SIGKILL);
  siginfo_t ended;
  waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  EXPECT_FALSE(IsAlive(identity)) << "a zombie does nothing any more";
  WaitFor(child);
  EXPECT_FALSE(IsAlive(identity));
  EXPECT_EQ(IdentityOf(child).pid, 0);
}

TEST(ProcessIdentity, IsNotAnotherProcessOfTheSameNumber) {
  ProcessIdentity self = IdentityOf(getpid());
  EXPECT_TRUE(IsAlive(self));
  self.start_time += "1";
  EXPECT_FALSE(IsAlive(self));
  self = IdentityOf(getpid());
  self.boot_id = "before the last boot";
  EXPECT_FALSE(IsAlive(self));
}

TEST(EndGroupOf, EndsTheWholeGroupOfThatProcessOnly) {
  const pid_t child = StartLeader();
  ProcessIdentity other = IdentityOf(child);
  other.start_time += "1";
  EndGroupOf(other);
  EXPECT_TRUE(IsAlive(IdentityOf(child)));
  EndGroupOf(ProcessIdentity{});
  const ProcessIdentity identity = IdentityOf(child);
  std::thread reaper([&] { EXPECT_EQ(WaitFor(child), SIGTERM); });
  EndGroupOf(identity);
  reaper.join();
  EXPECT_FALSE(IsAlive(identity));
}

}  // namespace
}  // namespace passthrough
