#include "helpers/base/process_identity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace passthrough {
namespace {

// A process that leads a session of its own and waits to be ended.
pid_t StartLeader() {
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    close(ready[0]);
    close(ready[1]);
    while (true) pause();
  }
  close(ready[1]);
  char none = 0;
  EXPECT_EQ(read(ready[0], &none, 1), 0);  // its end of the pipe is closed
  close(ready[0]);
  return child;
}

// A group of processes whose first one, `leader`, has ended and is reaped; one goes on.
struct Orphans {
  ProcessIdentity leader;
  pid_t member = 0;
};

Orphans StartOrphans(bool of_a_session) {
  int born[2];
  int left[2];
  EXPECT_EQ(pipe(born), 0);
  EXPECT_EQ(pipe(left), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (of_a_session) {
      setsid();
    } else {
      setpgid(0, 0);
    }
    const pid_t member = fork();
    if (member == 0) {
      while (true) pause();
    }
    [[maybe_unused]] const ssize_t written = write(born[1], &member, sizeof member);
    char none = 0;
    [[maybe_unused]] const ssize_t told = read(left[0], &none, 1);
    _exit(0);
  }
  Orphans orphans;
  EXPECT_EQ(read(born[0], &orphans.member, sizeof orphans.member), static_cast<ssize_t>(sizeof orphans.member));
  orphans.leader = IdentityOf(child);
  EXPECT_EQ(write(left[1], "", 1), 1);
  waitpid(child, nullptr, 0);
  for (const int fd : {born[0], born[1], left[0], left[1]}) close(fd);
  return orphans;
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

TEST(EndGroupOf, EndsWhatItsLeaderLeftBehind) {
  const Orphans orphans = StartOrphans(true);
  const ProcessIdentity member = IdentityOf(orphans.member);
  ASSERT_TRUE(IsAlive(member));
  EndGroupOf(orphans.leader);
  EXPECT_FALSE(IsAlive(member));
}

// The number was given to the first process of somebody's pipeline, in the session of his shell.
TEST(EndGroupOf, LeavesAGroupOfAnotherSessionAlone) {
  const Orphans orphans = StartOrphans(false);
  EndGroupOf(orphans.leader);
  EXPECT_TRUE(IsAlive(IdentityOf(orphans.member)));
  kill(orphans.member, SIGKILL);
}

TEST(EndGroupOf, LeavesWhatIsOlderThanTheLeaderAlone) {
  Orphans orphans = StartOrphans(true);
  orphans.leader.start_time += "0";
  EndGroupOf(orphans.leader);
  EXPECT_TRUE(IsAlive(IdentityOf(orphans.member)));
  kill(orphans.member, SIGKILL);
}

}  // namespace
}  // namespace passthrough
