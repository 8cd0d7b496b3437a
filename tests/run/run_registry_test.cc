#include "helpers/run/run_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/run/lease_end.h"
#include "helpers/base/shell_command.h"
#include "helpers/run/run_record.h"
#include "helpers/run/teardown.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::ThrowsMessage;

class RunRegistryTest : public testing::Test {
 protected:
  void SetUp() override { setenv("XDG_STATE_HOME", (scratch_.path() / "state").c_str(), 1); }
  void TearDown() override { unsetenv("XDG_STATE_HOME"); }

  RunDirectory NewRun(const std::string& logs) {
    RunDirectory run = RunDirectory::Create(scratch_.path() / logs);
    WriteFile(run.RunJson(), "{}");
    fs::create_directories(run.Evidence() / "host");
    return run;
  }
  // Owes a file "down": that of `run` is made when it is torn down.
  Lease NewLease(const RunDirectory& run, pid_t owner) {
    Lease lease;
    lease.run = run.path().string();
    lease.place = "test:///default";
    lease.config = "/c.yaml";
    lease.domains = {"c-compute-01"};
    lease.host_down = {"touch", (run.path() / "down").string()};
    lease.owner = IdentityOf(owner);
    return lease;
  }
  static bool WasTakenDown(const RunDirectory& run) { return fs::exists(run.path() / "down"); }
  size_t Registered() { return RunRegistry().Owed().size(); }

  TemporaryDirectory scratch_{"registry"};
  Progress progress_{stderr, false};
};

// A process that has ended, but whose number nobody has taken yet.
ProcessIdentity EndedProcess() {
  const pid_t child = fork();
  if (child == 0) {
    while (true) pause();
  }
  const ProcessIdentity identity = IdentityOf(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return identity;
}

TEST_F(RunRegistryTest, ARunThatLivesIsNotDisturbed) {
  const RunDirectory first = NewRun("one");
  Claim(first, NewLease(first, getpid()), progress_);
  const RunDirectory second = NewRun("two");
  EXPECT_THAT([&] { Claim(second, NewLease(second, getpid()), progress_); },
              ThrowsMessage<Error>(AllOf(HasSubstr("/c.yaml is held by a run that goes on"),
                                         HasSubstr(std::to_string(getpid())),
                                         HasSubstr(first.path().string()))));
  EXPECT_FALSE(WasTakenDown(first));
  EXPECT_FALSE(fs::exists(second.LeaseJson()));
  EXPECT_EQ(Registered(), 1u);
}

TEST_F(RunRegistryTest, WhatAKilledRunLeftIsTakenDownByTheNextStart) {
  const RunDirectory first = NewRun("one");
  Lease lease = NewLease(first, getpid());
  lease.owner = EndedProcess();
  Claim(first, lease, progress_);
  const RunDirectory second = NewRun("two");
  Claim(second, NewLease(second, getpid()), progress_);
  EXPECT_TRUE(WasTakenDown(first));
  EXPECT_FALSE(fs::exists(first.LeaseJson()));
  EXPECT_TRUE(fs::exists(second.LeaseJson()));
  EXPECT_EQ(Registered(), 1u);
}

TEST_F(RunRegistryTest, AKeptClusterIsTakenDownByNobodyUnasked) {
  const RunDirectory first = NewRun("one");
  Lease lease = NewLease(first, getpid());
  lease.owner = EndedProcess();
  lease.kept = true;
  Claim(first, lease, progress_);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  const RunDirectory second = NewRun("two");
  EXPECT_THAT([&] { Claim(second, NewLease(second, getpid()), progress_); },
              ThrowsMessage<Error>(EndsWith(": " + SuiteCommand({"--destroy", first.path().string()}))));
  EXPECT_FALSE(WasTakenDown(first));
  passthrough::TearDown(first, progress_);
  EXPECT_TRUE(WasTakenDown(first));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(RunRegistryTest, ReapTakesDownWhatIsStaleOnly) {
  const RunDirectory living = NewRun("one");
  Claim(living, NewLease(living, getpid()), progress_);
  const RunDirectory stale = NewRun("two");
  Lease lease = NewLease(stale, getpid());
  lease.owner = EndedProcess();
  lease.place = "another host";
  Claim(stale, lease, progress_);
  EXPECT_EQ(Registered(), 2u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(WasTakenDown(stale));
  EXPECT_FALSE(WasTakenDown(living));
  EXPECT_EQ(Registered(), 1u);
}

// A CI job's checkout is cleaned before the next job: "git clean -ffdx" deletes logs/, and a killed job's run with it.
TEST_F(RunRegistryTest, ARunWhoseDirectoryWasDeletedStillOwes) {
  const fs::path proof = scratch_.path() / "was-taken-down";
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"touch", proof.string()};
  Claim(run, lease, progress_);
  fs::remove_all(run.path());
  {
    const std::vector<OwedRun> owed = RunRegistry().Owed();
    ASSERT_EQ(owed.size(), 1u);
    EXPECT_EQ(owed[0].state, OwedRun::State::kStale);
    EXPECT_EQ(owed[0].lease.run, run.path());
  }
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
  EXPECT_EQ(Registered(), 0u);
  EXPECT_FALSE(fs::exists(run.path())) << "nothing is made again where somebody deleted it";
  for (const char* const what : {"runs", "leases"}) {
    EXPECT_TRUE(fs::is_empty(scratch_.path() / "state" / "pcie-passthrough-suite" / what)) << what;
  }
}

// "latest" is a link, and --destroy logs/latest is how a kept cluster is taken down.
TEST_F(RunRegistryTest, ARunHasOneNameByWhicheverPath) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.kept = true;
  Claim(run, lease, progress_);
  const RunDirectory latest = RunDirectory::Open(scratch_.path() / "one" / "latest");
  EXPECT_EQ(latest.path(), run.path());
  passthrough::TearDown(latest, progress_);
  fs::remove_all(scratch_.path() / "one");
  EXPECT_EQ(Registered(), 0u) << "what was destroyed is not owed again when its run directory goes";
}

// The guard takes down what a killed job left while the next job cleans the checkout and starts.
TEST_F(RunRegistryTest, TheLockOutlivesTheRunDirectory) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"true"};
  Claim(run, lease, progress_);
  {
    const TeardownLock guard(run, progress_);
    fs::remove_all(run.path());
    const RunDirectory copy = LeaseHome(run);
    EXPECT_NE(copy.path(), run.path());
    EXPECT_THROW(TeardownLock(copy, progress_, Deadline::After(std::chrono::seconds(0))), TimeoutError);
  }
  const RunDirectory copy = LeaseHome(run);
  EXPECT_TRUE(passthrough::TearDown(copy, progress_).NothingRemains());
  EXPECT_FALSE(fs::exists(copy.path()));
  EXPECT_TRUE(passthrough::TearDown(copy, progress_).NothingRemains()) << "who waited for the other one";
  EXPECT_TRUE(fs::is_empty(scratch_.path() / "state" / "pcie-passthrough-suite" / "locks"));
}

TEST_F(RunRegistryTest, ARunThatCannotBeLookedAtIsNotTakenForDeleted) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  Claim(run, lease, progress_);
  fs::rename(run.path(), scratch_.path() / "aside");
  fs::create_symlink(run.path().filename(), run.path());  // to itself: too many links to follow
  EXPECT_EQ(LeaseHome(run).path(), run.path());
  EXPECT_EQ(Registered(), 0u);
  fs::remove(run.path());
  fs::rename(scratch_.path() / "aside", run.path());
  EXPECT_EQ(Registered(), 1u) << "it is looked at again";
}

TEST_F(RunRegistryTest, WhatIsKeptOfARunFollowsItsLease) {
  const fs::path proof = scratch_.path() / "later";
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  Claim(run, lease, progress_);
  lease.owner = EndedProcess();
  lease.host_down = {"touch", proof.string()};
  WriteRunLease(run, lease);
  fs::remove_all(run.path());
  EXPECT_NE(LeaseHome(run).path(), run.path());
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
}

TEST_F(RunRegistryTest, ARunThatEndedIsForgotten) {
  const RunDirectory run = NewRun("one");
  Claim(run, NewLease(run, getpid()), progress_);
  fs::remove(run.LeaseJson());
  EXPECT_EQ(LeaseHome(run).path(), run.path()) << "its lease ended, it was not deleted";
  EXPECT_EQ(Registered(), 0u);
  for (const char* const what : {"runs", "leases"}) {
    EXPECT_TRUE(fs::is_empty(scratch_.path() / "state" / "pcie-passthrough-suite" / what)) << what;
  }
}

// A hypervisor that does not answer, or a run that cannot be read, keeps nobody else waiting.
TEST_F(RunRegistryTest, OneThatCannotBeTakenDownDoesNotKeepTheOthers) {
  const RunDirectory first = NewRun("one");
  Lease lease = NewLease(first, getpid());
  lease.owner = EndedProcess();
  Claim(first, lease, progress_);
  fs::remove(first.RunJson());
  const RunDirectory second = NewRun("two");
  lease = NewLease(second, getpid());
  lease.owner = EndedProcess();
  lease.place = "another host";
  Claim(second, lease, progress_);
  EXPECT_FALSE(ReapStaleRuns(progress_));
  EXPECT_TRUE(WasTakenDown(second));
}

TEST_F(RunRegistryTest, ARunOfAnotherMachineIsNotTakenForDead) {
  const RunDirectory elsewhere = NewRun("elsewhere");
  Lease lease = NewLease(elsewhere, getpid());
  lease.owner.place = "another machine";
  Claim(elsewhere, lease, progress_);
  const RunDirectory next = NewRun("next");
  const std::string command = SuiteCommand({"--destroy", elsewhere.path().string()});
  EXPECT_THAT([&] { Claim(next, NewLease(next, getpid()), progress_); },
              ThrowsMessage<Error>(AllOf(HasSubstr("on another machine or in another container"),
                                         EndsWith(": " + command))));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(WasTakenDown(elsewhere));
}

TEST_F(RunRegistryTest, ALeaseThatCannotBeReadStopsNobodyElse) {
  const RunDirectory broken = NewRun("broken");
  Claim(broken, NewLease(broken, getpid()), progress_);
  WriteFile(broken.LeaseJson(), "");
  std::vector<std::string> unreadable;
  EXPECT_TRUE(RunRegistry().Owed(&unreadable).empty());
  ASSERT_EQ(unreadable.size(), 1u);
  EXPECT_THAT(unreadable[0], AllOf(HasSubstr(broken.LeaseJson().string()), EndsWith("virsh -c URI list --all")));
  RunRecord record;
  record.libvirt_uri = "qemu+ssh://root@gpu-host/system";
  WriteRunRecord(broken.RunJson(), record);
  RunRegistry().Owed(&unreadable);
  ASSERT_EQ(unreadable.size(), 2u);
  EXPECT_THAT(unreadable[1], EndsWith("virsh -c qemu+ssh://root@gpu-host/system list --all"));
  EXPECT_FALSE(ReapStaleRuns(progress_)) << "it may owe something";
  const RunDirectory next = NewRun("next");
  Claim(next, NewLease(next, getpid()), progress_);
}

TEST_F(RunRegistryTest, AHostThatDoesNotGoDownIsStillOwed) {
  const RunDirectory run = NewRun("run");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"false"};
  lease.host_status = {"true"};
  Claim(run, lease, progress_);
  EXPECT_FALSE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(run.LeaseJson()));

  lease.host_status = {"false"};  // it is down all the same
  WriteLease(run.LeaseJson(), lease);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(fs::exists(run.LeaseJson()));
}

TEST(InEachOthersWay, SameNamesOnTheSameHostOrTheHostItself) {
  Lease one;
  one.place = "qemu:///system";
  one.networks = {"a-network"};
  Lease other = one;
  EXPECT_TRUE(InEachOthersWay(one, other));
  other.networks = {"b-network"};
  EXPECT_FALSE(InEachOthersWay(one, other));
  other.host_down = {"lab", "down"};
  EXPECT_TRUE(InEachOthersWay(one, other));
  other.place = "qemu+ssh://elsewhere/system";
  EXPECT_FALSE(InEachOthersWay(one, other));
}

}  // namespace
}  // namespace passthrough
