#include "helpers/teardown_record/run_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/short_hash.h"
#include "helpers/process/child_process.h"
#include "helpers/recovery/claim.h"
#include "helpers/recovery/teardown.h"
#include "helpers/rundir/run_record.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/teardown_lock.h"

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
  // Its teardown makes a file "down" in `run`.
  TeardownRecord NewRecord(const RunDirectory& run, pid_t owner) {
    TeardownRecord record;
    record.run = run.path().string();
    record.host_id = "test:///default";
    record.config = "/c.yaml";
    record.libvirt_uri = "test:///default";
    record.domains = {"c-compute-01"};
    record.host_down = {"touch", (run.path() / "down").string()};
    record.owner = IdentityOf(owner);
    return record;
  }
  static bool WasTakenDown(const RunDirectory& run) { return fs::exists(run.path() / "down"); }
  size_t Registered() { return RunRegistry().Pending().size(); }
  fs::path State(const std::string& name = "") const {
    return scratch_.path() / "state" / "pcie-passthrough-suite" / name;
  }
  void ExpectNothingIsRegistered() {
    for (const char* const what : {"runs", "records"}) EXPECT_TRUE(fs::is_empty(State(what))) << what;
  }

  TemporaryDirectory scratch_{"registry"};
  Progress progress_{stderr, false};
};

// What was written to it, which is closed.
std::string TextOf(std::FILE* file) {
  std::string text(1 << 16, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

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
  Claim(first, NewRecord(first, getpid()), progress_);
  const RunDirectory second = NewRun("two");
  EXPECT_THAT([&] { Claim(second, NewRecord(second, getpid()), progress_); },
              ThrowsMessage<Error>(AllOf(HasSubstr("/c.yaml is held by a run that goes on"),
                                         HasSubstr(std::to_string(getpid())), HasSubstr(first.path().string()))));
  EXPECT_FALSE(WasTakenDown(first));
  EXPECT_FALSE(fs::exists(second.TeardownRecordJson()));
  EXPECT_EQ(Registered(), 1u);
}

TEST_F(RunRegistryTest, WhatAKilledRunLeftIsTakenDownByTheNextStart) {
  const RunDirectory first = NewRun("one");
  TeardownRecord record = NewRecord(first, getpid());
  record.owner = EndedProcess();
  Claim(first, record, progress_);
  const RunDirectory second = NewRun("two");
  Claim(second, NewRecord(second, getpid()), progress_);
  EXPECT_TRUE(WasTakenDown(first));
  EXPECT_FALSE(fs::exists(first.TeardownRecordJson()));
  EXPECT_TRUE(fs::exists(second.TeardownRecordJson()));
  EXPECT_EQ(Registered(), 1u);
}

TEST_F(RunRegistryTest, AKeptClusterIsTakenDownByNobodyUnasked) {
  const RunDirectory first = NewRun("one");
  TeardownRecord record = NewRecord(first, getpid());
  record.owner = EndedProcess();
  record.kept = record.deployed = true;
  Claim(first, record, progress_);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  const RunDirectory second = NewRun("two");
  EXPECT_THAT([&] { Claim(second, NewRecord(second, getpid()), progress_); },
              ThrowsMessage<Error>(EndsWith(": " + SuiteCommand({"--destroy", first.path().string()}))));
  EXPECT_FALSE(WasTakenDown(first));
  passthrough::TearDown(first, progress_);
  EXPECT_TRUE(WasTakenDown(first));
  EXPECT_EQ(Registered(), 0u);
}

// Killed while it brought its host up: there is no cluster that could be kept, but its host is to be brought down.
TEST_F(RunRegistryTest, AKeptRunThatWasKilledBeforeItDeployedIsTakenDown) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.kept = true;
  Claim(run, record, progress_);
  const RunDirectory second = NewRun("two");
  Claim(second, NewRecord(second, getpid()), progress_);
  EXPECT_TRUE(WasTakenDown(run));
}

TEST_F(RunRegistryTest, ReapTakesDownWhatIsStaleOnly) {
  const RunDirectory living = NewRun("one");
  Claim(living, NewRecord(living, getpid()), progress_);
  const RunDirectory stale = NewRun("two");
  TeardownRecord record = NewRecord(stale, getpid());
  record.owner = EndedProcess();
  record.host_id = "another host";
  Claim(stale, record, progress_);
  EXPECT_EQ(Registered(), 2u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(WasTakenDown(stale));
  EXPECT_FALSE(WasTakenDown(living));
  EXPECT_EQ(Registered(), 1u);
}

// Whoever reads the output sees why something may be left, or why the next create fails.
TEST_F(RunRegistryTest, ReapReportsThatTheDeployersDestroyFailed) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.deployed = true;
  record.destroy = {{"sh", "-c", "exit 3"}};
  Claim(run, record, progress_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    ReapStaleRuns(progress);
  }
  EXPECT_THAT(TextOf(out), HasSubstr("sh -c exit 3: exit"));
}

// A CI job's checkout is cleaned before the next job: "git clean -ffdx" deletes logs/, and a killed job's run with it.
TEST_F(RunRegistryTest, TheTeardownOfARunWhoseDirectoryWasDeletedIsPending) {
  const fs::path proof = scratch_.path() / "was-taken-down";
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"touch", proof.string()};
  Claim(run, record, progress_);
  fs::remove_all(run.path());
  {
    const std::vector<PendingRun> pending = RunRegistry().Pending();
    ASSERT_EQ(pending.size(), 1u);
    EXPECT_EQ(pending[0].state, PendingRun::State::kStale);
    EXPECT_EQ(pending[0].record.run, run.path());
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
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.kept = true;
  Claim(run, record, progress_);
  const RunDirectory latest = RunDirectory::Open(scratch_.path() / "one" / "latest");
  EXPECT_EQ(latest.path(), run.path());
  passthrough::TearDown(latest, progress_);
  fs::remove_all(scratch_.path() / "one");
  EXPECT_EQ(Registered(), 0u) << "what was destroyed is not pending again when its run directory goes";
}

// The guard takes down what a killed job left while the next job cleans the checkout and starts.
TEST_F(RunRegistryTest, TheLockOutlivesTheRunDirectory) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"true"};
  Claim(run, record, progress_);
  {
    const TeardownLock guard(run, progress_);
    fs::remove_all(run.path());
    const RunDirectory copy = RecordHome(run);
    EXPECT_NE(copy.path(), run.path());
    EXPECT_THROW(TeardownLock(copy, progress_, Deadline::After(std::chrono::seconds(0))), TimeoutError);
  }
  const RunDirectory copy = RecordHome(run);
  EXPECT_TRUE(passthrough::TearDown(copy, progress_).NothingRemains());
  EXPECT_FALSE(fs::exists(copy.path()));
  EXPECT_TRUE(passthrough::TearDown(copy, progress_).NothingRemains()) << "who waited for the other one";
  EXPECT_TRUE(fs::is_empty(State("locks")));
}

TEST_F(RunRegistryTest, TheTeardownOfARunThatCannotBeReadIsPendingAllTheSame) {
  const fs::path proof = scratch_.path() / "was-taken-down";
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"touch", proof.string()};
  Claim(run, record, progress_);
  fs::rename(run.path(), scratch_.path() / "aside");
  fs::create_symlink(run.path().filename(), run.path());  // to itself: too many links to follow
  EXPECT_TRUE(IsTeardownPending(run.path()));
  EXPECT_EQ(Registered(), 1u);
  EXPECT_NE(RecordHome(run).path(), run.path());
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
  EXPECT_FALSE(IsTeardownPending(run.path())) << "what is left in the run directory does not say otherwise";
  EXPECT_EQ(Registered(), 0u);

  fs::remove(run.path());
  fs::rename(scratch_.path() / "aside", run.path());
  EXPECT_FALSE(IsTeardownPending(run.path()));
  EXPECT_EQ(Registered(), 0u);
  EXPECT_FALSE(fs::exists(run.TeardownRecordJson())) << "it goes as soon as it can be reached";
  ExpectNothingIsRegistered();
}

// Where the registry itself cannot be looked at, nobody takes a record for closed, and nobody gets but Error.
TEST_F(RunRegistryTest, ARecordThatCannotBeReadIsStillThere) {
  const RunDirectory run = NewRun("one");
  const TeardownRecord record = NewRecord(run, getpid());
  Claim(run, record, progress_);
  const fs::path copy = RecordCopyOf(run);
  fs::rename(copy, scratch_.path() / "aside");
  fs::create_symlink(copy.filename(), copy);
  EXPECT_TRUE(IsTeardownPending(run.path()));
  EXPECT_THROW(ReadRecordOf(run), Error);
  EXPECT_THROW(UpdateRecordOf(run, record), Error);
  std::vector<std::string> unreadable;
  RunRegistry().Pending(&unreadable);
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
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"touch", proof.string()};
  Claim(run, record, progress_);
  EXPECT_EQ(RecordHome(run).path(), run.path());
  fs::remove(run.TeardownRecordJson());
  EXPECT_TRUE(IsTeardownPending(run.path())) << "only who took it down says that nothing is pending";
  EXPECT_EQ(Registered(), 1u);
  fs::remove_all(run.path());
  fs::create_directories(run.Evidence() / "hpc_compute_01");
  WriteFile(run.RunJson(), "{}");
  EXPECT_TRUE(IsTeardownPending(run.path()));
  EXPECT_NE(RecordHome(run).path(), run.path()) << "it lacks the cluster file";
  EXPECT_EQ(Registered(), 1u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
  EXPECT_FALSE(IsTeardownPending(run.path()));
  ExpectNothingIsRegistered();
}

// As a person names it who wants it destroyed.
TEST_F(RunRegistryTest, ARunIsFoundByThePathThatItHad) {
  const RunDirectory run = NewRun("one");
  Claim(run, NewRecord(run, getpid()), progress_);
  const fs::path latest = scratch_.path() / "one" / "latest";
  for (const fs::path& path : {run.path(), run.path() / "", latest}) {
    EXPECT_EQ(FindRecordHome(path).value().path(), run.path()) << path;
  }
  const fs::path copy = RecordCopyOf(run);
  fs::remove_all(run.path());
  for (const fs::path& path : {run.path(), run.path() / "", latest, copy}) {
    ASSERT_TRUE(FindRecordHome(path)) << path;
    EXPECT_EQ(FindRecordHome(path)->path(), fs::canonical(copy)) << path;
  }
  fs::remove_all(scratch_.path() / "one");
  EXPECT_TRUE(FindRecordHome(run.path()));
  CloseTeardownRecord(run);
  EXPECT_FALSE(FindRecordHome(run.path()));
  EXPECT_FALSE(FindRecordHome(""));
}

// Other processes look for it, and so may another build: std::hash promises the same within one program alone.
TEST_F(RunRegistryTest, TheNameOfARunIsTheSameInEveryBuild) {
  const RunDirectory run = NewRun("one");
  EXPECT_EQ(RegistryName(run.path()), run.path().filename().string() + "-" + ShortHash(run.path().string()));
}

// /home may be a link.
TEST_F(RunRegistryTest, WhatIsKeptHasOneNameAlsoBehindALink) {
  fs::create_directories(scratch_.path() / "disk");
  fs::create_symlink("disk", scratch_.path() / "state");
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"true"};
  Claim(run, record, progress_);
  fs::remove_all(run.path());
  EXPECT_EQ(RegistryName(RecordHome(run).path()), RegistryName(run.path()));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ExpectNothingIsRegistered();
}

// A process is killed while it closes a record, after each of the steps.
TEST_F(RunRegistryTest, ARecordThatWasClosedByHalfIsClosed) {
  for (int steps = 1; steps <= 3; ++steps) {
    const RunDirectory run = NewRun("logs");
    TeardownRecord record = NewRecord(run, getpid());
    record.owner = EndedProcess();
    Claim(run, record, progress_);
    const fs::path copy = RecordCopyOf(run);
    fs::remove(copy / "teardown-record.json");
    if (steps > 1) fs::remove(run.TeardownRecordJson());
    if (steps > 2) fs::remove_all(copy);
    EXPECT_FALSE(IsTeardownPending(run.path())) << steps;
    EXPECT_EQ(Registered(), 0u) << steps;
    EXPECT_FALSE(WasTakenDown(run)) << steps;
    EXPECT_FALSE(fs::exists(run.TeardownRecordJson())) << steps;
    ExpectNothingIsRegistered();
  }
}

// A process is killed while it registers a run: that is before it makes anything.
TEST_F(RunRegistryTest, ARunThatWasRegisteredByHalfIsNotPendingForLong) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  Claim(run, record, progress_);
  fs::remove(State("runs") / RegistryName(run.path()));
  fs::remove(run.TeardownRecordJson());
  EXPECT_EQ(Registered(), 1u) << "what is kept says so";
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ExpectNothingIsRegistered();
  fs::create_directories(RecordCopyOf(run) / "evidence" / "host");
  EXPECT_FALSE(IsTeardownPending(run.path()));
  EXPECT_EQ(Registered(), 0u);
  ExpectNothingIsRegistered();
}

TEST_F(RunRegistryTest, ARecordThatWasClosedIsNotWrittenAnew) {
  const RunDirectory run = NewRun("one");
  const TeardownRecord record = NewRecord(run, getpid());
  Claim(run, record, progress_);
  CloseTeardownRecord(run);
  EXPECT_THAT([&] { UpdateRecordOf(run, record); }, ThrowsMessage<Error>(HasSubstr("was taken down while it went on")));
  EXPECT_FALSE(IsTeardownPending(run.path()));
}

TEST_F(RunRegistryTest, NothingIsPendingForWhatCannotBeRegistered) {
  const RunDirectory run = NewRun("one");
  fs::remove(run.RunJson());
  EXPECT_THAT([&] { Claim(run, NewRecord(run, getpid()), progress_); },
              ThrowsMessage<Error>(HasSubstr("cannot register")));
  EXPECT_FALSE(IsTeardownPending(run.path()));
  EXPECT_FALSE(fs::exists(run.TeardownRecordJson()));
  ExpectNothingIsRegistered();
}

// On a full disk, nothing can be made when it is time to take the cluster down.
TEST_F(RunRegistryTest, TheLockNeedsNothingNew) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  Claim(run, record, progress_);
  WriteFile(State("locks"), "no directory");
  {
    const TeardownLock lock(run, progress_);
    EXPECT_THROW(TeardownLock(run, progress_, Deadline::After(std::chrono::seconds(0))), TimeoutError);
  }
  EXPECT_TRUE(passthrough::TearDown(run, progress_).NothingRemains());
  EXPECT_TRUE(WasTakenDown(run));
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

TEST_F(RunRegistryTest, WhatIsKeptOfARunFollowsItsRecord) {
  const fs::path proof = scratch_.path() / "later";
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  Claim(run, record, progress_);
  record.owner = EndedProcess();
  record.host_down = {"touch", proof.string()};
  UpdateRecordOf(run, record);
  fs::remove_all(run.path());
  EXPECT_NE(RecordHome(run).path(), run.path());
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(proof));
}

TEST_F(RunRegistryTest, ARunThatEndedIsForgotten) {
  const RunDirectory run = NewRun("one");
  Claim(run, NewRecord(run, getpid()), progress_);
  CloseTeardownRecord(run);
  EXPECT_FALSE(fs::exists(run.TeardownRecordJson()));
  EXPECT_EQ(RecordHome(run).path(), run.path()) << "its record ended, it was not deleted";
  EXPECT_EQ(Registered(), 0u);
  ExpectNothingIsRegistered();
}

// A hypervisor that does not answer, or a run that cannot be read, keeps nobody else waiting.
TEST_F(RunRegistryTest, OneThatCannotBeTakenDownDoesNotKeepTheOthers) {
  const RunDirectory first = NewRun("one");
  TeardownRecord record = NewRecord(first, getpid());
  record.owner = EndedProcess();
  Claim(first, record, progress_);
  fs::remove(first.RunJson());
  fs::remove(RecordCopyOf(first) / "run.json");
  const RunDirectory second = NewRun("two");
  record = NewRecord(second, getpid());
  record.owner = EndedProcess();
  record.host_id = "another host";
  Claim(second, record, progress_);
  EXPECT_FALSE(ReapStaleRuns(progress_));
  EXPECT_TRUE(WasTakenDown(second));
}

// A lab that was removed by hand: nobody can take down what was in it.
TEST_F(RunRegistryTest, OneWhoseHostIsGoneForGoodCanBeForgotten) {
  const RunDirectory run = NewRun("one");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"false"};
  record.deployed = true;
  record.libvirt_uri = "qemu+unix:///system?socket=/nonexistent";
  Claim(run, record, progress_);
  std::FILE* const file = std::tmpfile();
  Progress progress(file, false);
  EXPECT_FALSE(ReapStaleRuns(progress));
  const std::string text = TextOf(file);
  const std::string advice = "with all that was on it, forget the run: ";
  ASSERT_THAT(text, HasSubstr(advice));
  const std::string command = text.substr(text.find(advice) + advice.size());
  EXPECT_TRUE(RunChild({"sh", "-c", command}, {}, Deadline::After(std::chrono::minutes(1))).Succeeded()) << command;
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ExpectNothingIsRegistered();
}

TEST_F(RunRegistryTest, ARunOfAnotherMachineIsNotTakenForDead) {
  const RunDirectory elsewhere = NewRun("elsewhere");
  TeardownRecord record = NewRecord(elsewhere, getpid());
  record.owner.pid_namespace = "another machine";
  Claim(elsewhere, record, progress_);
  const RunDirectory next = NewRun("next");
  const std::string command = SuiteCommand({"--destroy", elsewhere.path().string()});
  EXPECT_THAT(
      [&] { Claim(next, NewRecord(next, getpid()), progress_); },
      ThrowsMessage<Error>(AllOf(HasSubstr("on another machine or in another container"), EndsWith(": " + command))));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(WasTakenDown(elsewhere));
}

TEST_F(RunRegistryTest, ARecordThatIsBrokenStopsNobodyElse) {
  const RunDirectory broken = NewRun("broken");
  Claim(broken, NewRecord(broken, getpid()), progress_);
  const fs::path copy = RecordCopyOf(broken);
  WriteFile(copy / "teardown-record.json", "");
  std::vector<std::string> unreadable;
  EXPECT_TRUE(RunRegistry().Pending(&unreadable).empty());
  ASSERT_EQ(unreadable.size(), 1u);
  EXPECT_THAT(unreadable[0],
              AllOf(HasSubstr((copy / "teardown-record.json").string()), EndsWith("virsh -c URI list --all")));
  RunRecord record;
  record.libvirt_uri = "qemu+ssh://root@gpu-host/system";
  WriteRunRecord(copy / "run.json", record);
  RunRegistry().Pending(&unreadable);
  ASSERT_EQ(unreadable.size(), 2u);
  EXPECT_THAT(unreadable[1], EndsWith("virsh -c qemu+ssh://root@gpu-host/system list --all"));
  EXPECT_FALSE(ReapStaleRuns(progress_)) << "something may be pending";
  const RunDirectory next = NewRun("next");
  Claim(next, NewRecord(next, getpid()), progress_);
}

TEST_F(RunRegistryTest, AHostThatDoesNotGoDownIsStillPending) {
  const RunDirectory run = NewRun("run");
  TeardownRecord record = NewRecord(run, getpid());
  record.owner = EndedProcess();
  record.host_down = {"false"};
  record.host_status = {"true"};
  Claim(run, record, progress_);
  EXPECT_FALSE(ReapStaleRuns(progress_));
  EXPECT_TRUE(fs::exists(run.TeardownRecordJson()));

  record.host_status = {"false"};  // it is down all the same
  UpdateRecordOf(run, record);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(fs::exists(run.TeardownRecordJson()));
}

TEST(Conflicts, SameNamesOnTheSameHostOrTheHostItself) {
  TeardownRecord one;
  one.host_id = "qemu:///system";
  one.networks = {"a-network"};
  TeardownRecord other = one;
  EXPECT_TRUE(Conflicts(one, other));
  other.networks = {"b-network"};
  EXPECT_FALSE(Conflicts(one, other));
  other.host_down = {"lab", "down"};
  EXPECT_TRUE(Conflicts(one, other));
  other.host_id = "qemu+ssh://elsewhere/system";
  EXPECT_FALSE(Conflicts(one, other));
}

}  // namespace
}  // namespace passthrough
