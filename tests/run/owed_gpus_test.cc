#include "helpers/run/owed_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/run/guard.h"
#include "helpers/run/lease_end.h"
#include "helpers/run/lease_home.h"
#include "helpers/run/run_registry.h"
#include "helpers/run/teardown.h"
#include "tests/run/guest.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A process that was killed with both GPUs of the guest unplugged.
class GiveBackTest : public testing::Test {
 protected:
  GiveBackTest() {
    UnpluggedGpus gpus(guest_.Domain(), directory_.path(), [](const std::string&) {},
                       {.add =
                            [this](const OwedGpu& owed) {
                              if (!owed.left) owed_.push_back(owed);
                            },
                        .drop = {}});
    gpus.Unplug(kFirst, Deadline::Never());
    gpus.Unplug(kSecond, Deadline::Never());
    gpus.PlugIn();
    guest_.buses.clear();
    guest_.attached = guest_.looks = 0;
  }
  void SetUp() override { ASSERT_EQ(owed_.size(), 2u) << "what was unplugged was not noted"; }
  std::vector<OwedGpu> Do(const GiveBackLimits& limits = kOfGuard) {
    const StillOwed still =
        GiveBack(owed_,
                 {.state = [this](const std::string&, const Deadline&) { return state_; },
                  .live = [this](const std::string&) { return guest_.Domain(); }},
                 [this](const std::string& what) { told_.push_back(what); }, limits);
    missing_ = still.missing;
    return still.noted;
  }

  const TemporaryDirectory directory_{"owed"};
  Guest guest_;
  std::optional<std::string> state_ = "running";
  std::vector<OwedGpu> owed_;
  std::vector<std::string> told_;
  bool missing_ = false;
};

TEST_F(GiveBackTest, WhatTheDomainLacksIsPluggedIn) {
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("GPU 0000:01:00.0 is back in domain d"),
                                 HasSubstr("GPU 0000:02:00.0 is back in domain d")));
}

TEST_F(GiveBackTest, AGuestThatLetsGoOnlyNowIsWaitedFor) {
  guest_.buses = {1};
  guest_.Domain().detach(owed_[0].hostdev, Deadline::Never());
  guest_.patience = 3;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_EQ(guest_.attached, 2);
}

TEST_F(GiveBackTest, WhatSomebodyElsePluggedInIsBack) {
  for (OwedGpu& owed : owed_) owed.left = true;
  guest_.buses = {1, 2};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(told_[0], HasSubstr("GPU 0000:01:00.0 is back in domain d"));
}

// Whoever forgot them then would leave the domain without them for good: its guest may let them go at its next reboot,
// when no process of the run is there any more.
TEST_F(GiveBackTest, WhatTheGuestMayYetLetGoStaysNotedAndCostsNoWait) {
  guest_.buses = {1, 2};
  EXPECT_EQ(Do(kOfReap), owed_);
  EXPECT_FALSE(missing_);
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_EQ(guest_.looks, 2) << "one a GPU";
  EXPECT_THAT(told_[0], AllOf(HasSubstr("domain d still has GPU 0000:01:00.0"), HasSubstr("attach-device d ")));

  guest_.buses = {1};
  owed_ = Do(kOfReap);
  EXPECT_EQ(owed_.size(), 1u) << "it let one go";
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));

  guest_.id = 4;
  EXPECT_THAT(Do(kOfReap), IsEmpty()) << "one that was started anew was not asked";
}

// That of a machine that was switched off with a GPU unplugged, where somebody took the GPU out of the VM's definition,
// started the VM and uses the GPU.
TEST_F(GiveBackTest, ADomainThatWasStartedAnewIsOwedNothing) {
  guest_.id = 4;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(told_[0], AllOf(HasSubstr("not owed any more"), HasSubstr("was started anew")));
}

// The host was started anew, too: ids begin again.
TEST_F(GiveBackTest, WhatTheDefinitionHasLostIsNotOwed) {
  guest_.definition = {2};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(2));
  EXPECT_THAT(told_[0], AllOf(HasSubstr("GPU 0000:01:00.0 is not owed any more"), HasSubstr("out of the definition")));
}

TEST_F(GiveBackTest, WhatTheDefinitionNeverHadIsOwedAllTheSame) {
  for (OwedGpu& owed : owed_) owed.defined = false;
  guest_.definition = std::set<int>{};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(GiveBackTest, ATransientDomainIsOwedWhatItHad) {
  guest_.definition = std::nullopt;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(GiveBackTest, ALeaseOfAnEarlierVersionKnowsNoId) {
  for (OwedGpu& owed : owed_) owed.domain_id = -1;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(GiveBackTest, WhoWaitsCanBeInterrupted) {
  guest_.attach_failures = 1000;
  RequestInterruption(SIGINT);
  EXPECT_EQ(Do({.connect = seconds(600), .busy = seconds(600), .guest = seconds(600), .interruptible = true}).size(),
            2u);
  ClearInterruption();
  EXPECT_TRUE(missing_);
  EXPECT_EQ(guest_.looks, 1) << "the second one was tried, too";
}

TEST_F(GiveBackTest, AnotherDomainOfThatNameIsOwedNothing) {
  guest_.uuid = "11111111-1111-1111-1111-111111111111";
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(told_[0], HasSubstr("domain d is another one now"));
}

TEST_F(GiveBackTest, ADomainThatIsGoneOrOffIsOwedNothing) {
  state_ = std::nullopt;
  EXPECT_THAT(Do(), IsEmpty());
  state_ = "shut off";
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(told_[0], HasSubstr("is gone"));
  EXPECT_THAT(told_[2], HasSubstr("is shut off"));
}

TEST_F(GiveBackTest, WhatCannotBePluggedInIsStillOwed) {
  guest_.attach_failures = 1000;
  const std::vector<OwedGpu> noted = Do(kOnce);
  for (OwedGpu& owed : owed_) owed.left = true;
  EXPECT_EQ(noted, owed_);
  EXPECT_TRUE(missing_);
  EXPECT_THAT(told_, ElementsAre(AllOf(HasSubstr("the host is busy"), HasSubstr(owed_[0].file)),
                                 AllOf(HasSubstr("the host is busy"), HasSubstr(owed_[1].file))));
}

// What was written to it, which is closed.
std::string TextOf(std::FILE* file) {
  std::string text(1 << 16, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

constexpr char kUuid[] = "11111111-1111-1111-1111-111111111111";

// With libvirt's test driver, which can attach no <hostdev>: what is owed and what is not. In it runs c-compute-01.
class OwedRunTest : public testing::Test {
 protected:
  OwedRunTest() : run_(RunDirectory::Create(scratch_.path() / "logs")) {
    setenv("XDG_STATE_HOME", (scratch_.path() / "state").c_str(), 1);
    fs::create_directories(run_.Evidence() / "host");
    WriteFile(run_.RunJson(), "{}");
    WriteFile(scratch_.path() / "host.xml",
              fmt::format("<node><domain type='test'><name>c-compute-01</name><uuid>{}</uuid><memory>1024</memory>"
                          "<os><type>hvm</type></os></domain></node>",
                          kUuid));
    lease_.run = run_.path().string();
    lease_.place = lease_.libvirt_uri = "test://" + (scratch_.path() / "host.xml").string();
    lease_.config = "/c.yaml";
    lease_.attached = true;
    lease_.owner = IdentityOf(getpid());
    lease_.owner.start_time = "1";  // has ended
  }
  ~OwedRunTest() override { unsetenv("XDG_STATE_HOME"); }
  void Owe(const std::string& domain, const std::string& uuid, int id = -1) {
    const fs::path file = scratch_.path() / "hostdev.xml";
    WriteFile(file, Hostdev(1));
    lease_.unplugged.push_back({.domain = domain, .uuid = uuid, .domain_id = id, .gpu = "0000:01:00.0",
                                .hostdev = Hostdev(1), .file = file.string()});
  }
  size_t Registered() { return RunRegistry().Owed().size(); }

  TemporaryDirectory scratch_{"owed-run"};
  RunDirectory run_;
  Lease lease_;
  Progress progress_{stderr, false};
};

TEST_F(OwedRunTest, ReapEndsTheLeaseOfARunThatAttachedWhereNothingIsOwedAnyMore) {
  Owe("gone", kUuid);
  Owe("c-compute-01", "22222222-2222-2222-2222-222222222222");
  RegisterAttached(run_, lease_);
  EXPECT_EQ(Registered(), 1u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(OwedRunTest, WhatCouldNotBePluggedInIsOwedOn) {
  Owe("gone", kUuid);
  Owe("c-compute-01", kUuid);
  RegisterAttached(run_, lease_);
  EXPECT_FALSE(GiveGpusBack(run_, progress_, kOnce));
  lease_.unplugged[1].left = true;
  EXPECT_THAT(ReadLease(run_.LeaseJson()).unplugged, ElementsAre(lease_.unplugged[1]));
  EXPECT_EQ(Registered(), 1u);
}

// libvirt itself says under which id a domain runs.
TEST_F(OwedRunTest, WhatWasStartedAnewIsNotOwed) {
  auto libvirt = LibvirtConnection::Open(lease_.libvirt_uri, Deadline::Never());
  const int id = ReadDomainXml(LiveDomainOf(libvirt, "c-compute-01").xml(Deadline::Never())).id;
  ASSERT_GE(id, 0);
  Owe("c-compute-01", kUuid, id);
  RegisterAttached(run_, lease_);
  EXPECT_FALSE(GiveGpusBack(run_, progress_, kOnce));
  EXPECT_EQ(Registered(), 1u);
  lease_.unplugged.clear();
  Owe("c-compute-01", kUuid, id + 1);
  WriteRunLease(run_, lease_);
  EXPECT_TRUE(GiveGpusBack(run_, progress_, kOnce));
  EXPECT_EQ(Registered(), 0u);
}

// The command that a person is given must find its file.
TEST_F(OwedRunTest, TheFileOfARunDirectoryThatWasDeletedIsWrittenAnew) {
  Owe("c-compute-01", kUuid);
  fs::remove(scratch_.path() / "hostdev.xml");
  RegisterAttached(run_, lease_);
  EXPECT_FALSE(GiveGpusBack(run_, progress_, kOnce));
  const std::string file = ReadLease(run_.LeaseJson()).unplugged.at(0).file;
  EXPECT_EQ(ReadFile(file), Hostdev(1));
}

TEST_F(OwedRunTest, ItIsToldHowToEndADebtThatCannotBePaid) {
  Owe("c-compute-01", kUuid);
  RegisterAttached(run_, lease_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_FALSE(GiveGpusBack(run_, progress, kOnce));
  }
  EXPECT_THAT(TextOf(out), AllOf(HasSubstr("is not back"), HasSubstr(" --destroy " + lease_.run),
                                 HasSubstr("leaves the cluster as it is")));
}

// The other one takes its time: whoever waits can go, and is told for whom he waits.
TEST_F(OwedRunTest, WhoWaitsForAnotherProcessIsToldAndCanBeInterrupted) {
  Owe("gone", kUuid);
  RegisterAttached(run_, lease_);
  const TeardownLock other(run_, progress_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_THAT([&] { TeardownLock(run_, progress, Deadline::After(seconds(0))); },
                testing::ThrowsMessage<TimeoutError>(
                    AllOf(HasSubstr("another process holds the lock on " + lease_.run), HasSubstr("lslocks"),
                          HasSubstr("--destroy " + lease_.run))));
    RequestInterruption(SIGINT);
    EXPECT_THROW(GiveGpusBack(run_, progress), InterruptedError);
    EXPECT_THROW(Claim(run_, lease_, progress), InterruptedError);
    ClearInterruption();
  }
  EXPECT_THAT(TextOf(out), HasSubstr("waiting for the process that already does what " + lease_.run + " owes"));
  EXPECT_EQ(ReadLease(run_.LeaseJson()).unplugged, lease_.unplugged);
}

TEST_F(OwedRunTest, AnInterruptionEndsNoTeardownThatNobodyElseDoes) {
  Owe("gone", kUuid);
  RegisterAttached(run_, lease_);
  RequestInterruption(SIGINT);
  EXPECT_TRUE(passthrough::TearDown(run_, progress_).NothingRemains());
  ClearInterruption();
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(OwedRunTest, ALibvirtThatDoesNotAnswerIsNoReasonToForget) {
  Owe("c-compute-01", kUuid);
  lease_.libvirt_uri = "test:///nowhere";
  RegisterAttached(run_, lease_);
  EXPECT_FALSE(GiveGpusBack(run_, progress_));
  lease_.host_status = {"false"};  // the host is down
  WriteRunLease(run_, lease_);
  EXPECT_TRUE(GiveGpusBack(run_, progress_));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(OwedRunTest, AClusterThatIsKeptIsKeptOn) {
  Owe("gone", kUuid);
  lease_.attached = false;
  lease_.kept = lease_.deployed = true;
  lease_.domains = {"c-compute-01"};
  Claim(run_, lease_, progress_);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ASSERT_TRUE(fs::exists(run_.LeaseJson()));
  EXPECT_THAT(ReadLease(run_.LeaseJson()).unplugged, IsEmpty());
  EXPECT_TRUE(LibvirtConnection::Open(lease_.libvirt_uri, Deadline::Never()).DomainXml("c-compute-01"));
}

TEST_F(OwedRunTest, TheNextStartDoesIt) {
  Owe("gone", kUuid);
  RegisterAttached(run_, lease_);
  const RunDirectory next = RunDirectory::Create(scratch_.path() / "next");
  WriteFile(next.RunJson(), "{}");
  Lease lease;
  lease.place = lease_.place;
  lease.owner = IdentityOf(getpid());
  lease.domains = {"c-compute-01"};
  Claim(next, lease, progress_);
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
  EXPECT_TRUE(fs::exists(next.LeaseJson()));
}

TEST_F(OwedRunTest, ARunThatGoesOnIsLeftAlone) {
  Owe("gone", kUuid);
  lease_.owner = IdentityOf(getpid());
  RegisterAttached(run_, lease_);
  EXPECT_TRUE(GiveBackWhatKilledRunsUnplugged(lease_.place, progress_));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_EQ(ReadLease(run_.LeaseJson()).unplugged, lease_.unplugged);
}

TEST_F(OwedRunTest, DestroyOfARunThatAttachedDestroysNothing) {
  Owe("gone", kUuid);
  RegisterAttached(run_, lease_);
  EXPECT_TRUE(passthrough::TearDown(run_, progress_).NothingRemains());
  EXPECT_EQ(Registered(), 0u);
}

// Otherwise a GPU that is broken, or another VM's now, would be owed for ever.
TEST_F(OwedRunTest, DestroyOfARunThatAttachedEndsAlsoWhatCannotBePaid) {
  Owe("c-compute-01", kUuid);
  RegisterAttached(run_, lease_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_TRUE(passthrough::TearDown(run_, progress).NothingRemains());
  }
  EXPECT_THAT(TextOf(out), AllOf(HasSubstr("is not back"), HasSubstr("given up: GPU 0000:01:00.0 is not plugged into "
                                                                     "domain c-compute-01")));
  EXPECT_EQ(Registered(), 0u);
  EXPECT_TRUE(LibvirtConnection::Open(lease_.libvirt_uri, Deadline::Never()).DomainXml("c-compute-01"));
}

// Of a process that has ended. The guard ignores signals from then on: in a process of its own.
int ExitStatusOfGuard(const RunDirectory& run) {
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  const pid_t guard = fork();
  if (guard == 0) _exit(RunGuard(run, ended));
  int status = -1;
  waitpid(guard, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(OwedRunTest, TheGuardGivesBackAndTakesNothingDown) {
  Owe("gone", kUuid);
  lease_.host_down = {"touch", (scratch_.path() / "down").string()};
  RegisterAttached(run_, lease_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
  EXPECT_FALSE(fs::exists(scratch_.path() / "down"));
}

// --no-cleanup keeps what was deployed; a host that came up for nothing is not that.
TEST_F(OwedRunTest, TheGuardTakesAKeptRunDownThatDeployedNothing) {
  lease_.attached = false;
  lease_.kept = true;
  lease_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, lease_, progress_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_TRUE(fs::exists(scratch_.path() / "down"));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(OwedRunTest, TheGuardLeavesAKeptClusterAlone) {
  lease_.attached = false;
  lease_.kept = lease_.deployed = true;
  lease_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, lease_, progress_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_FALSE(fs::exists(scratch_.path() / "down"));
  EXPECT_EQ(Registered(), 1u);
}

// A file server is away for a while: here, the run directory is no more than a link to itself.
TEST_F(OwedRunTest, TheGuardDoesWhatIsOwedAlsoWhereTheRunDirectoryCannotBeLookedAt) {
  lease_.attached = false;
  lease_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, lease_, progress_);
  fs::rename(run_.path(), scratch_.path() / "aside");
  fs::create_symlink(run_.path().filename(), run_.path());
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_TRUE(fs::exists(scratch_.path() / "down"));
}

}  // namespace
}  // namespace passthrough
