#include "helpers/run/run_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/shell_command.h"
#include "helpers/run/lease_end.h"
#include "helpers/run/lease_home.h"
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
    lease.libvirt_uri = "test:///default";
    lease.domains = {"c-compute-01"};
    lease.host_down = {"touch", (run.path() / "down").string()};
    lease.owner = IdentityOf(owner);
    return lease;
  }
  static bool WasTakenDown(const RunDirectory& run) { return fs::exists(run.path() / "down"); }
  size_t Registered() { return RunRegistry().Owed().size(); }
  fs::path State(const std::string& name = "") const {
    return scratch_.path() / "state" / "pcie-passthrough-suite" / name;
  }
  void ExpectNothingIsRegistered() {
    for (const char* const what : {"runs", "leases"}) EXPECT_TRUE(fs::is_empty(State(what))) << what;
  }

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
  lease.kept = lease.deployed = true;
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

// Killed while it brought its host up: there is no cluster that could be kept, but the host is owed.
TEST_F(RunRegistryTest, AKeptRunThatWasKilledBeforeItDeployedIsTakenDown) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.kept = true;
  Claim(run, lease, progress_);
  const RunDirectory second = NewRun("two");
  Claim(second, NewLease(second, getpid()), progress_);
  EXPECT_TRUE(WasTakenDown(run));
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
  ExpectNothingIsRegistered();
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
  EXPECT_TRUE(fs::is_empty(State("locks")));
}

TEST_F(RunRegistryTest, ARunThatCannotBeLookedAtOwesAllTheSame) {
  const fs::path proof = scratch_.path() / "was-taken-down";
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"touch", proof.string()};
  Claim(run, lease, progress_);
  fs::rename(run.path(), scratch_.path() / "aside");
  fs::create_symlink(run.path().filename(), run.path());  // to itself: too many links to follow
  EXPECT_TRUE(IsLeased(run.path()));
  EXPECT_EQ(Registered(), 1u);
  EXPECT_NE(LeaseHome(run).path(), run.path());
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
  EXPECT_FALSE(IsLeased(run.path())) << "what is left in the run directory does not say otherwise";
  EXPECT_EQ(Registered(), 0u);

  fs::remove(run.path());
  fs::rename(scratch_.path() / "aside", run.path());
  EXPECT_FALSE(IsLeased(run.path()));
  EXPECT_EQ(Registered(), 0u);
  EXPECT_FALSE(fs::exists(run.LeaseJson())) << "it goes as soon as it can be reached";
  ExpectNothingIsRegistered();
}

// Where the registry itself cannot be looked at, nobody takes a lease for ended, and nobody gets but Error.
TEST_F(RunRegistryTest, ALeaseThatCannotBeLookedAtIsStillThere) {
  const RunDirectory run = NewRun("one");
  const Lease lease = NewLease(run, getpid());
  Claim(run, lease, progress_);
  const fs::path copy = LeaseCopyOf(run);
  fs::rename(copy, scratch_.path() / "aside");
  fs::create_symlink(copy.filename(), copy);
  EXPECT_TRUE(IsLeased(run.path()));
  EXPECT_THROW(ReadRunLease(run), Error);
  EXPECT_THROW(WriteRunLease(run, lease), Error);
  std::vector<std::string> unreadable;
  RunRegistry().Owed(&unreadable);
  EXPECT_EQ(unreadable.size(), 1u);
  fs::remove(copy);
  fs::rename(scratch_.path() / "aside", copy);
  EXPECT_EQ(Registered(), 1u);
}

// "git clean" takes one file after the other, and a run that goes on may make some anew.
TEST_F(RunRegistryTest, ARunOwesWhateverIsLeftOfItsDirectory) {
  const fs::path proof = scratch_.path() / "was-taken-down";
  const RunDirectory run = NewRun("one");
  WriteFile(run.ClusterFile(), "name: c\n");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"touch", proof.string()};
  Claim(run, lease, progress_);
  EXPECT_EQ(LeaseHome(run).path(), run.path());
  fs::remove(run.LeaseJson());
  EXPECT_TRUE(IsLeased(run.path())) << "only who took it down says that nothing is owed";
  EXPECT_EQ(Registered(), 1u);
  fs::remove_all(run.path());
  fs::create_directories(run.Evidence() / "hpc_compute_01");
  WriteFile(run.RunJson(), "{}");
  EXPECT_TRUE(IsLeased(run.path()));
  EXPECT_NE(LeaseHome(run).path(), run.path()) << "it lacks the cluster file";
  EXPECT_EQ(Registered(), 1u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
  EXPECT_FALSE(IsLeased(run.path()));
  ExpectNothingIsRegistered();
}

// As a person names it who wants it destroyed.
TEST_F(RunRegistryTest, ARunIsFoundByThePathThatItHad) {
  const RunDirectory run = NewRun("one");
  Claim(run, NewLease(run, getpid()), progress_);
  const fs::path latest = scratch_.path() / "one" / "latest";
  for (const fs::path& path : {run.path(), run.path() / "", latest}) {
    EXPECT_EQ(FindLeaseHome(path).value().path(), run.path()) << path;
  }
  const fs::path copy = LeaseCopyOf(run);
  fs::remove_all(run.path());
  for (const fs::path& path : {run.path(), run.path() / "", latest, copy}) {
    ASSERT_TRUE(FindLeaseHome(path)) << path;
    EXPECT_EQ(FindLeaseHome(path)->path(), fs::canonical(copy)) << path;
  }
  fs::remove_all(scratch_.path() / "one");
  EXPECT_TRUE(FindLeaseHome(run.path()));
  EndLease(run);
  EXPECT_FALSE(FindLeaseHome(run.path()));
  EXPECT_FALSE(FindLeaseHome(""));
}

// /home may be a link.
TEST_F(RunRegistryTest, WhatIsKeptHasOneNameAlsoBehindALink) {
  fs::create_directories(scratch_.path() / "disk");
  fs::create_symlink("disk", scratch_.path() / "state");
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  lease.host_down = {"true"};
  Claim(run, lease, progress_);
  fs::remove_all(run.path());
  EXPECT_EQ(RegistryName(LeaseHome(run)), RegistryName(run));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ExpectNothingIsRegistered();
}

// Somebody is killed while he ends a lease, after each of its steps.
TEST_F(RunRegistryTest, ALeaseThatEndedByHalfHasEnded) {
  for (int steps = 1; steps <= 3; ++steps) {
    const RunDirectory run = NewRun("logs");
    Lease lease = NewLease(run, getpid());
    lease.owner = EndedProcess();
    Claim(run, lease, progress_);
    const fs::path copy = LeaseCopyOf(run);
    fs::remove(copy / "lease.json");
    if (steps > 1) fs::remove(run.LeaseJson());
    if (steps > 2) fs::remove_all(copy);
    EXPECT_FALSE(IsLeased(run.path())) << steps;
    EXPECT_EQ(Registered(), 0u) << steps;
    EXPECT_FALSE(WasTakenDown(run)) << steps;
    EXPECT_FALSE(fs::exists(run.LeaseJson())) << steps;
    ExpectNothingIsRegistered();
  }
}

// Somebody is killed while he registers a run: that is before he makes anything.
TEST_F(RunRegistryTest, ARunThatWasRegisteredByHalfOwesNothingForLong) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  Claim(run, lease, progress_);
  fs::remove(State("runs") / RegistryName(run));
  fs::remove(run.LeaseJson());
  EXPECT_EQ(Registered(), 1u) << "what is kept says so";
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ExpectNothingIsRegistered();
  fs::create_directories(LeaseCopyOf(run) / "evidence" / "host");
  EXPECT_FALSE(IsLeased(run.path()));
  EXPECT_EQ(Registered(), 0u);
  ExpectNothingIsRegistered();
}

TEST_F(RunRegistryTest, ALeaseThatEndedIsNotWrittenAnew) {
  const RunDirectory run = NewRun("one");
  const Lease lease = NewLease(run, getpid());
  Claim(run, lease, progress_);
  EndLease(run);
  EXPECT_THAT([&] { WriteRunLease(run, lease); }, ThrowsMessage<Error>(HasSubstr("was taken down while it went on")));
  EXPECT_FALSE(IsLeased(run.path()));
}

TEST_F(RunRegistryTest, WhatCannotBeRegisteredOwesNothing) {
  const RunDirectory run = NewRun("one");
  fs::remove(run.RunJson());
  EXPECT_THAT([&] { Claim(run, NewLease(run, getpid()), progress_); }, ThrowsMessage<Error>(HasSubstr("cannot register")));
  EXPECT_FALSE(IsLeased(run.path()));
  EXPECT_FALSE(fs::exists(run.LeaseJson()));
  ExpectNothingIsRegistered();
}

// On a full disk, nothing can be made when it is time to take the cluster down.
TEST_F(RunRegistryTest, TheLockNeedsNothingNew) {
  const RunDirectory run = NewRun("one");
  Lease lease = NewLease(run, getpid());
  lease.owner = EndedProcess();
  Claim(run, lease, progress_);
  WriteFile(State("locks"), "no directory");
  const RunDirectory other = NewRun("two");  // not registered
  lease = NewLease(other, getpid());
  WriteLease(other.LeaseJson(), lease);
  for (const RunDirectory& one : {run, other}) {
    {
      const TeardownLock lock(one, progress_);
      EXPECT_THROW(TeardownLock(one, progress_, Deadline::After(std::chrono::seconds(0))), TimeoutError);
    }
    EXPECT_TRUE(passthrough::TearDown(one, progress_).NothingRemains());
    EXPECT_TRUE(WasTakenDown(one));
  }
}

std::atomic<int> heard{0};

// Ctrl-C, while another process has the registry.
TEST_F(RunRegistryTest, ASignalDoesNotEndTheWaitForTheRegistry) {
  struct sigaction action = {};
  action.sa_handler = [](int) { ++heard; };  // without SA_RESTART, as the program's own
  struct sigaction before = {};
  sigaction(SIGUSR1, &action, &before);
  std::optional<RunRegistry> other(std::in_place);
  std::string failed;
  std::jthread waits([&] {
    try {
      RunRegistry();
    } catch (const Error& error) {
      failed = error.what();
    }
  });
  for (int i = 0; i < 20; ++i) {
    pthread_kill(waits.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  other.reset();
  waits.join();
  EXPECT_GT(heard, 0);
  EXPECT_EQ(failed, "");
  sigaction(SIGUSR1, &before, nullptr);
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
  EndLease(run);
  EXPECT_FALSE(fs::exists(run.LeaseJson()));
  EXPECT_EQ(LeaseHome(run).path(), run.path()) << "its lease ended, it was not deleted";
  EXPECT_EQ(Registered(), 0u);
  ExpectNothingIsRegistered();
}

// A hypervisor that does not answer, or a run that cannot be read, keeps nobody else waiting.
TEST_F(RunRegistryTest, OneThatCannotBeTakenDownDoesNotKeepTheOthers) {
  const RunDirectory first = NewRun("one");
  Lease lease = NewLease(first, getpid());
  lease.owner = EndedProcess();
  Claim(first, lease, progress_);
  fs::remove(first.RunJson());
  fs::remove(LeaseCopyOf(first) / "run.json");
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
  const fs::path copy = LeaseCopyOf(broken);
  WriteFile(copy / "lease.json", "");
  std::vector<std::string> unreadable;
  EXPECT_TRUE(RunRegistry().Owed(&unreadable).empty());
  ASSERT_EQ(unreadable.size(), 1u);
  EXPECT_THAT(unreadable[0], AllOf(HasSubstr((copy / "lease.json").string()), EndsWith("virsh -c URI list --all")));
  RunRecord record;
  record.libvirt_uri = "qemu+ssh://root@gpu-host/system";
  WriteRunRecord(copy / "run.json", record);
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
  WriteRunLease(run, lease);
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
