#include "helpers/recovery/reattach.h"

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
#include "helpers/disruption/unplugged_gpus.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/recovery/claim.h"
#include "helpers/recovery/guard.h"
#include "helpers/recovery/teardown.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"
#include "helpers/teardown_record/teardown_lock.h"
#include "tests/disruption/guest.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A process that was killed with both GPUs of the guest unplugged.
class ReattachTest : public testing::Test {
 protected:
  ReattachTest() {
    UnpluggedGpus gpus(guest_, directory_.path(), [](const std::string&) {},
                       {.add =
                            [this](const DetachedGpu& pending) {
                              if (!pending.left) pending_.push_back(pending);
                            },
                        .drop = {}});
    gpus.Unplug(kFirst, Deadline::Never());
    gpus.Unplug(kSecond, Deadline::Never());
    gpus.PlugIn();
    guest_.buses.clear();
    guest_.attached = guest_.looks = 0;
  }
  void SetUp() override { ASSERT_EQ(pending_.size(), 2u) << "what was unplugged was not noted"; }
  std::vector<DetachedGpu> Do(const ReattachLimits& limits = kGuardLimits) {
    const NotReattached still = Reattach(
        pending_, [this](const std::string&) { return std::shared_ptr<LiveDomain>(&guest_, [](LiveDomain*) {}); },
        [this](const std::string& what) { reported_.push_back(what); }, limits);
    missing_ = still.missing;
    return still.pending;
  }

  const TemporaryDirectory directory_{"pending"};
  Guest guest_;
  std::vector<DetachedGpu> pending_;
  std::vector<std::string> reported_;
  bool missing_ = false;
};

// What was unplugged last comes first: until it has left the host's driver, the rest of its IOMMU group cannot be
// attached.
TEST_F(ReattachTest, WhatTheDomainLacksIsPluggedIn) {
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_THAT(reported_, ElementsAre(HasSubstr("GPU 0000:02:00.0 is back in domain d"),
                                     HasSubstr("GPU 0000:01:00.0 is back in domain d")));
}

TEST_F(ReattachTest, AGuestThatLetsGoOnlyNowIsWaitedFor) {
  guest_.buses = {1};
  guest_.Detach(pending_[0].hostdev, Deadline::Never());
  guest_.patience = 3;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
  EXPECT_EQ(guest_.attached, 2);
}

TEST_F(ReattachTest, WhatAnotherPluggedInIsBack) {
  for (DetachedGpu& pending : pending_) pending.left = true;
  guest_.buses = {1, 2};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(reported_[1], HasSubstr("GPU 0000:01:00.0 is back in domain d"));
}

// Whoever forgot them then would leave the domain without them for good: its guest may let them go at its next reboot,
// when no process of the run is there any more.
TEST_F(ReattachTest, WhatTheGuestMayYetLetGoStaysNotedAndCostsNoWait) {
  guest_.buses = {1, 2};
  EXPECT_EQ(Do(kReapLimits), pending_);
  EXPECT_FALSE(missing_);
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_EQ(guest_.looks, 2) << "one a GPU";
  EXPECT_THAT(reported_[1], AllOf(HasSubstr("domain d still has GPU 0000:01:00.0"), HasSubstr("attach-device d ")));

  guest_.buses = {1};
  pending_ = Do(kReapLimits);
  EXPECT_EQ(pending_.size(), 1u) << "it let one go";
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));

  guest_.id = 4;
  EXPECT_THAT(Do(kReapLimits), IsEmpty()) << "one that was started anew was not asked";
}

// That of a machine that was switched off with a GPU unplugged, where somebody took the GPU out of the VM's definition,
// started the VM and uses the GPU.
TEST_F(ReattachTest, NothingIsPendingForADomainThatWasStartedAnew) {
  guest_.id = 4;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(reported_[0], AllOf(HasSubstr("not pending any more"), HasSubstr("was started anew")));
}

// The host was started anew, too: ids begin again.
TEST_F(ReattachTest, WhatTheDefinitionHasLostIsNotPending) {
  guest_.definition = {2};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(2));
  EXPECT_THAT(reported_[1],
              AllOf(HasSubstr("GPU 0000:01:00.0 is not pending any more"), HasSubstr("out of the definition")));
}

TEST_F(ReattachTest, WhatTheDefinitionNeverHadIsPendingAllTheSame) {
  for (DetachedGpu& pending : pending_) pending.defined = false;
  guest_.definition = std::set<int>{};
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(ReattachTest, ATransientDomainGetsBackWhatItHad) {
  guest_.definition = std::nullopt;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(ReattachTest, WhereTheIdIsNotKnownItIsNoReason) {
  for (DetachedGpu& pending : pending_) pending.domain_id = -1;
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_THAT(guest_.buses, ElementsAre(1, 2));
}

TEST_F(ReattachTest, WhoWaitsCanBeInterrupted) {
  guest_.attach_failures = 1000;
  RequestInterruption(SIGINT);
  EXPECT_EQ(Do({.connect = seconds(600), .busy = seconds(600), .guest = seconds(600), .interruptible = true}).size(),
            2u);
  ClearInterruption();
  EXPECT_TRUE(missing_);
  EXPECT_EQ(guest_.looks, 1) << "the second one was tried, too";
}

TEST_F(ReattachTest, NothingIsPendingForAnotherDomainOfThatName) {
  guest_.uuid = "11111111-1111-1111-1111-111111111111";
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(reported_[0], HasSubstr("domain d is another one now"));
}

TEST_F(ReattachTest, NothingIsPendingForADomainThatIsGoneOrOff) {
  guest_.state = std::nullopt;
  EXPECT_THAT(Do(), IsEmpty());
  guest_.state = "shut off";
  EXPECT_THAT(Do(), IsEmpty());
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(reported_[0], HasSubstr("is gone"));
  EXPECT_THAT(reported_[2], HasSubstr("is shut off"));
}

TEST_F(ReattachTest, WhatCannotBePluggedInIsStillPending) {
  guest_.attach_failures = 1000;
  const std::vector<DetachedGpu> noted = Do(kOnce);
  for (DetachedGpu& pending : pending_) pending.left = true;
  EXPECT_EQ(noted, pending_);
  EXPECT_TRUE(missing_);
  EXPECT_THAT(reported_, ElementsAre(AllOf(HasSubstr("the host is busy"), HasSubstr(pending_[1].file)),
                                     AllOf(HasSubstr("the host is busy"), HasSubstr(pending_[0].file))));
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

// With libvirt's test driver, which can attach no <hostdev>: what is pending and what is not. In it runs c-compute-01.
// A GPU that cannot be plugged in: Debian 12's release of libvirt's test driver plugs in none, and Debian 13's refuses
// this one, for the attribute is wrong.
std::string Unpluggable() {
  std::string xml = Hostdev(1);
  return xml.insert(xml.find("</hostdev>"), "<rom bar='perhaps'/>");
}

class PendingRunTest : public testing::Test {
 protected:
  PendingRunTest() : run_(RunDirectory::Create(scratch_.path() / "logs")) {
    setenv("XDG_STATE_HOME", (scratch_.path() / "state").c_str(), 1);
    fs::create_directories(run_.Evidence() / "host");
    WriteFile(run_.RunJson(), "{}");
    WriteFile(scratch_.path() / "host.xml",
              fmt::format("<node><domain type='test'><name>c-compute-01</name><uuid>{}</uuid><memory>1024</memory>"
                          "<os><type>hvm</type></os></domain></node>",
                          kUuid));
    teardown_record_.run = run_.path().string();
    teardown_record_.host_id = teardown_record_.libvirt_uri = "test://" + (scratch_.path() / "host.xml").string();
    teardown_record_.config = "/c.yaml";
    teardown_record_.attached = true;
    teardown_record_.owner = IdentityOf(getpid());
    teardown_record_.owner.start_time = "1";  // has ended
  }
  ~PendingRunTest() override { unsetenv("XDG_STATE_HOME"); }
  void AddPending(const std::string& domain, const std::string& uuid, int id = -1) {
    const fs::path file = scratch_.path() / "hostdev.xml";
    WriteFile(file, Unpluggable());
    teardown_record_.unplugged.push_back({.domain = domain,
                                          .uuid = uuid,
                                          .domain_id = id,
                                          .gpu = "0000:01:00.0",
                                          .hostdev = Unpluggable(),
                                          .file = file.string()});
  }
  size_t Registered() { return RunRegistry().Pending().size(); }

  TemporaryDirectory scratch_{"pending-run"};
  RunDirectory run_;
  TeardownRecord teardown_record_;
  Progress progress_{stderr, false};
};

TEST_F(PendingRunTest, ReapClosesTheRecordOfARunThatAttachedWhereNothingIsPendingAnyMore) {
  AddPending("gone", kUuid);
  AddPending("c-compute-01", "22222222-2222-2222-2222-222222222222");
  RegisterAttached(run_, teardown_record_);
  EXPECT_EQ(Registered(), 1u);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(PendingRunTest, WhatCouldNotBePluggedInStaysPending) {
  AddPending("gone", kUuid);
  AddPending("c-compute-01", kUuid);
  RegisterAttached(run_, teardown_record_);
  EXPECT_FALSE(ReattachGpus(run_, progress_, kOnce));
  teardown_record_.unplugged[1].left = true;
  EXPECT_THAT(ReadTeardownRecord(run_.TeardownRecordJson()).unplugged, ElementsAre(teardown_record_.unplugged[1]));
  EXPECT_EQ(Registered(), 1u);
}

// libvirt itself says under which id a domain runs.
TEST_F(PendingRunTest, WhatWasStartedAnewIsNotPending) {
  auto libvirt = LibvirtConnection::Open(teardown_record_.libvirt_uri, Deadline::Never());
  const int id = ReadDomainXml(OpenLiveDomain(libvirt, "c-compute-01")->Xml(Deadline::Never())).id;
  ASSERT_GE(id, 0);
  AddPending("c-compute-01", kUuid, id);
  RegisterAttached(run_, teardown_record_);
  EXPECT_FALSE(ReattachGpus(run_, progress_, kOnce));
  EXPECT_EQ(Registered(), 1u);
  teardown_record_.unplugged.clear();
  AddPending("c-compute-01", kUuid, id + 1);
  UpdateRecordOf(run_, teardown_record_);
  EXPECT_TRUE(ReattachGpus(run_, progress_, kOnce));
  EXPECT_EQ(Registered(), 0u);
}

// The command that a person is given must find its file.
TEST_F(PendingRunTest, TheFileOfARunDirectoryThatWasDeletedIsWrittenAnew) {
  AddPending("c-compute-01", kUuid);
  fs::remove(scratch_.path() / "hostdev.xml");
  RegisterAttached(run_, teardown_record_);
  EXPECT_FALSE(ReattachGpus(run_, progress_, kOnce));
  const std::string file = ReadTeardownRecord(run_.TeardownRecordJson()).unplugged.at(0).file;
  EXPECT_EQ(ReadFile(file), Unpluggable());
}

TEST_F(PendingRunTest, ItIsReportedHowToGiveUpOnWhatCannotBeReattached) {
  AddPending("c-compute-01", kUuid);
  RegisterAttached(run_, teardown_record_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_FALSE(ReattachGpus(run_, progress, kOnce));
  }
  EXPECT_THAT(TextOf(out), AllOf(HasSubstr("is not back"), HasSubstr(" --destroy " + teardown_record_.run),
                                 HasSubstr("leaves the cluster as it is")));
}

// The other one takes its time: whoever waits can be interrupted, and sees what it waits for.
TEST_F(PendingRunTest, WhoWaitsForAnotherProcessSaysSoAndCanBeInterrupted) {
  AddPending("gone", kUuid);
  RegisterAttached(run_, teardown_record_);
  const TeardownLock other(run_, progress_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_THAT([&] { TeardownLock(run_, progress, Deadline::After(seconds(0))); },
                testing::ThrowsMessage<TimeoutError>(
                    AllOf(HasSubstr("another process holds the lock on " + teardown_record_.run), HasSubstr("lslocks"),
                          HasSubstr("--destroy " + teardown_record_.run))));
    RequestInterruption(SIGINT);
    EXPECT_THROW(ReattachGpus(run_, progress), InterruptedError);
    EXPECT_THROW(Claim(run_, teardown_record_, progress), InterruptedError);
    ClearInterruption();
  }
  EXPECT_THAT(TextOf(out),
              HasSubstr("waiting for the process that already tears down what " + teardown_record_.run + " made"));
  EXPECT_EQ(ReadTeardownRecord(run_.TeardownRecordJson()).unplugged, teardown_record_.unplugged);
}

TEST_F(PendingRunTest, AnInterruptionEndsNoTeardownThatNobodyElseDoes) {
  AddPending("gone", kUuid);
  RegisterAttached(run_, teardown_record_);
  RequestInterruption(SIGINT);
  EXPECT_TRUE(passthrough::TearDown(run_, progress_).NothingRemains());
  ClearInterruption();
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(PendingRunTest, ALibvirtThatDoesNotAnswerIsNoReasonToForget) {
  AddPending("c-compute-01", kUuid);
  teardown_record_.libvirt_uri = "test:///nowhere";
  RegisterAttached(run_, teardown_record_);
  EXPECT_FALSE(ReattachGpus(run_, progress_));
  teardown_record_.host_status = {"false"};  // the host is down
  UpdateRecordOf(run_, teardown_record_);
  EXPECT_TRUE(ReattachGpus(run_, progress_));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(PendingRunTest, AClusterThatIsKeptIsKeptOn) {
  AddPending("gone", kUuid);
  teardown_record_.attached = false;
  teardown_record_.kept = teardown_record_.deployed = true;
  teardown_record_.domains = {"c-compute-01"};
  Claim(run_, teardown_record_, progress_);
  EXPECT_TRUE(ReapStaleRuns(progress_));
  ASSERT_TRUE(fs::exists(run_.TeardownRecordJson()));
  EXPECT_THAT(ReadTeardownRecord(run_.TeardownRecordJson()).unplugged, IsEmpty());
  EXPECT_TRUE(LibvirtConnection::Open(teardown_record_.libvirt_uri, Deadline::Never()).DomainXml("c-compute-01"));
}

TEST_F(PendingRunTest, TheNextStartDoesIt) {
  AddPending("gone", kUuid);
  RegisterAttached(run_, teardown_record_);
  const RunDirectory next = RunDirectory::Create(scratch_.path() / "next");
  WriteFile(next.RunJson(), "{}");
  TeardownRecord record;
  record.host_id = teardown_record_.host_id;
  record.owner = IdentityOf(getpid());
  record.domains = {"c-compute-01"};
  Claim(next, record, progress_);
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
  EXPECT_TRUE(fs::exists(next.TeardownRecordJson()));
}

TEST_F(PendingRunTest, ARunThatGoesOnIsLeftAlone) {
  AddPending("gone", kUuid);
  teardown_record_.owner = IdentityOf(getpid());
  RegisterAttached(run_, teardown_record_);
  EXPECT_TRUE(ReattachGpusOfKilledRuns(teardown_record_.host_id, progress_));
  EXPECT_TRUE(ReapStaleRuns(progress_));
  EXPECT_EQ(ReadTeardownRecord(run_.TeardownRecordJson()).unplugged, teardown_record_.unplugged);
}

TEST_F(PendingRunTest, DestroyOfARunThatAttachedDestroysNothing) {
  AddPending("gone", kUuid);
  RegisterAttached(run_, teardown_record_);
  EXPECT_TRUE(passthrough::TearDown(run_, progress_).NothingRemains());
  EXPECT_EQ(Registered(), 0u);
}

// Otherwise a GPU that is broken, or another VM's now, would be pending for ever.
TEST_F(PendingRunTest, DestroyOfARunThatAttachedEndsAlsoWhatCannotBeReattached) {
  AddPending("c-compute-01", kUuid);
  RegisterAttached(run_, teardown_record_);
  std::FILE* const out = std::tmpfile();
  {
    Progress progress(out, false);
    EXPECT_TRUE(passthrough::TearDown(run_, progress).NothingRemains());
  }
  EXPECT_THAT(TextOf(out), AllOf(HasSubstr("is not back"), HasSubstr("given up: GPU 0000:01:00.0 is not plugged into "
                                                                     "domain c-compute-01")));
  EXPECT_EQ(Registered(), 0u);
  EXPECT_TRUE(LibvirtConnection::Open(teardown_record_.libvirt_uri, Deadline::Never()).DomainXml("c-compute-01"));
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

TEST_F(PendingRunTest, TheGuardReattachesAndTakesNothingDown) {
  AddPending("gone", kUuid);
  teardown_record_.host_down = {"touch", (scratch_.path() / "down").string()};
  RegisterAttached(run_, teardown_record_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
  EXPECT_FALSE(fs::exists(scratch_.path() / "down"));
}

// --no-cleanup keeps what was deployed; a host that came up for nothing is not that.
TEST_F(PendingRunTest, TheGuardTakesAKeptRunDownThatDeployedNothing) {
  teardown_record_.attached = false;
  teardown_record_.kept = true;
  teardown_record_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, teardown_record_, progress_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_TRUE(fs::exists(scratch_.path() / "down"));
  EXPECT_EQ(Registered(), 0u);
}

TEST_F(PendingRunTest, TheGuardLeavesAKeptClusterAlone) {
  teardown_record_.attached = false;
  teardown_record_.kept = teardown_record_.deployed = true;
  teardown_record_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, teardown_record_, progress_);
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_FALSE(fs::exists(scratch_.path() / "down"));
  EXPECT_EQ(Registered(), 1u);
}

// A file server is away for a while: here, the run directory is no more than a link to itself.
TEST_F(PendingRunTest, TheGuardTakesDownAlsoWhereTheRunDirectoryCannotBeLookedAt) {
  teardown_record_.attached = false;
  teardown_record_.host_down = {"touch", (scratch_.path() / "down").string()};
  Claim(run_, teardown_record_, progress_);
  fs::rename(run_.path(), scratch_.path() / "aside");
  fs::create_symlink(run_.path().filename(), run_.path());
  EXPECT_EQ(ExitStatusOfGuard(run_), 0);
  EXPECT_TRUE(fs::exists(scratch_.path() / "down"));
}

}  // namespace
}  // namespace passthrough
