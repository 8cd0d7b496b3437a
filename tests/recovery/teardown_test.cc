#include "helpers/recovery/teardown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "helpers/base/files.h"
#include "helpers/libvirt/connection.h"
#include "helpers/recovery/host_status.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

// libvirt's test driver keeps what is made in a process: each URI of a file is a host of its own, which a second
// connection to it sees as the file has it. So the file has what "is there".
class TeardownTest : public testing::Test {
 protected:
  TeardownTest() : run_(RunDirectory::Create(scratch_.path() / "logs")) {
    setenv("XDG_STATE_HOME", (scratch_.path() / "state").c_str(), 1);
    fs::create_directories(run_.Evidence() / "host");
    WriteFile(Path("host.xml"), R"(<node>
      <domain type="test"><name>c-compute-01</name><uuid>11111111-1111-1111-1111-111111111111</uuid>
        <memory>1024</memory><os><type>hvm</type></os></domain></node>)");
    teardown_record_.run = run_.path().string();
    teardown_record_.libvirt_uri = "test://" + Path("host.xml");
    teardown_record_.config = Path("c.yaml");
    teardown_record_.domains = {"c-compute-01"};
    teardown_record_.destroy = {{"sh", "-c", "echo \"$1\" >>\"$0\"", Path("destroyed"), teardown_record_.config}};
    teardown_record_.deployed = true;
    teardown_record_.create_ended = true;
    teardown_record_.made = {{"domain c-compute-01", "11111111-1111-1111-1111-111111111111"}};
    teardown_record_.owner = IdentityOf(getpid());
    WriteFile(teardown_record_.config, "name: c\n");
    WriteFile(run_.ClusterFile(), "name: c\n");
    WriteFile(run_.HostBefore(), ToJson(Now()));
    WriteFile(run_.RunJson(), "{}");
  }
  ~TeardownTest() override { unsetenv("XDG_STATE_HOME"); }

  std::string Path(const std::string& name) const { return (scratch_.path() / name).string(); }
  Inventory Now() { return LibvirtConnection::Open(teardown_record_.libvirt_uri, Deadline::Never()).TakeInventory(); }
  void Register() { RunRegistry().Add(run_, teardown_record_); }
  // The cluster, and a domain of somebody else.
  void DeployWithAiHowBeside(const std::string& domain) {
    teardown_record_.networks = {"c-network"};
    teardown_record_.destroy = {{"sh", "-c", "echo >>\"$0\"", Path("destroyed"), "ai-how"}};
    WriteFile(Path("host.xml"), R"(<node>
      <domain type="test"><name>c-compute-01</name><uuid>11111111-1111-1111-1111-111111111111</uuid>
        <memory>1024</memory><os><type>hvm</type></os></domain>
      <domain type="test"><name>)" + domain +
                                    R"(</name><uuid>22222222-2222-2222-2222-222222222222</uuid>
        <memory>1024</memory><os><type>hvm</type></os></domain></node>)");
  }
  TeardownReport Do() {
    Register();
    return passthrough::TearDown(run_, progress_);
  }

  TemporaryDirectory scratch_{"teardown"};
  RunDirectory run_;
  TeardownRecord teardown_record_;
  Progress progress_{stderr, false};
};

TEST_F(TeardownTest, RunsTheDeployersDestroyAndEndsTheLease) {
  const TeardownReport report = Do();
  EXPECT_EQ(report.destroy_error, "");
  EXPECT_EQ(ReadFile(Path("destroyed")), teardown_record_.config + "\n");
  EXPECT_THAT(report.reaped, ElementsAre("domain c-compute-01"));  // this destroy removes nothing
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
}

// The names were given anew since: the deployer's destroy, which goes by names, would take them away.
TEST_F(TeardownTest, WhatSomebodyElseMadeSinceIsLeftAlone) {
  teardown_record_.made = {{"domain c-compute-01", "22222222-2222-2222-2222-222222222222"}};
  const TeardownReport report = Do();
  EXPECT_THAT(report.left_alone, ElementsAre("domain c-compute-01"));
  EXPECT_THAT(report.reaped, IsEmpty());
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_TRUE(report.NothingRemains());
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
}

// ai-how and virsh go by it, not by the profile.
TEST_F(TeardownTest, TheDeployerIsToldWhichLibvirtIsMeant) {
  teardown_record_.destroy = {{"sh", "-c", "echo \"$LIBVIRT_DEFAULT_URI\" >\"$0\"", Path("destroyed")}};
  Do();
  EXPECT_EQ(ReadFile(Path("destroyed")), teardown_record_.libvirt_uri + "\n");
}

// ai-how's destroy goes by the prefix: what has got such a name since the look before the deployment is another's.
TEST_F(TeardownTest, AiHowIsNotCalledWhereItWouldTakeAnothersDomain) {
  DeployWithAiHowBeside("c-2-controller");
  const TeardownReport report = Do();
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_THAT(report.reaped, ElementsAre("domain c-compute-01"));
  EXPECT_EQ(report.destroy_error, "");
}

// A cluster whose name only begins alike is no such case.
TEST_F(TeardownTest, AiHowIsCalledBesideAClusterOfALongerName) {
  DeployWithAiHowBeside("cc-controller");
  EXPECT_THAT(Do().reaped, ElementsAre("domain c-compute-01"));
  EXPECT_TRUE(fs::exists(Path("destroyed")));
}

// The create failed, or was killed with all who watched it: what has the names by then may be anybody's.
TEST_F(TeardownTest, WhatIsNotRecordedIsLeftAlone) {
  teardown_record_.made.clear();
  for (const bool ended : {true, false}) {
    SCOPED_TRACE(ended ? "the create ended" : "the create was killed, long ago");
    teardown_record_.create_ended = ended;
    teardown_record_.owner.pid = 0;
    const TeardownReport report = Do();
    EXPECT_THAT(report.left_alone, ElementsAre("domain c-compute-01"));
    EXPECT_THAT(report.reaped, IsEmpty());
    EXPECT_FALSE(fs::exists(Path("destroyed"))) << "it goes by names";
    EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
  }
}

// The run itself ends its create: nobody else made the names that it claimed until now.
TEST_F(TeardownTest, WhatAppearedWhileTheCreateRanIsTheRuns) {
  teardown_record_.made.clear();
  teardown_record_.create_ended = false;
  EXPECT_THAT(Do().reaped, ElementsAre("domain c-compute-01"));
  EXPECT_TRUE(fs::exists(Path("destroyed")));
}

// Its deployer takes the UUIDs from the run: another UUID is another's, also while the create runs.
TEST_F(TeardownTest, AKnownUuidIsStrongerThanWhenItAppeared) {
  teardown_record_.made = {{"domain c-compute-01", "22222222-2222-2222-2222-222222222222"}};
  teardown_record_.create_ended = false;
  EXPECT_THAT(Do().left_alone, ElementsAre("domain c-compute-01"));
  EXPECT_FALSE(fs::exists(Path("destroyed")));
}

// What it prints is shown to people, on terminals and in reports.
TEST_F(TeardownTest, TheColoursOfADeployerAreNotShown) {
  teardown_record_.destroy = {{"sh", "-c", "printf '\\033[31mError:\\033[0m no such \\033]8;;x\\007VM\\n'; exit 3"}};
  EXPECT_THAT(Do().destroy_error, testing::AllOf(HasSubstr("Error: no such VM"), testing::Not(HasSubstr("\\x1b"))));
}

TEST_F(TeardownTest, RunsNoDestroyWhereAFailedCreateMadeNothing) {
  WriteFile(Path("host.xml"), "<node/>");
  EXPECT_TRUE(Do().NothingRemains());
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  teardown_record_.created = true;  // what it made may be where this libvirt does not show it
  EXPECT_TRUE(Do().NothingRemains());
  EXPECT_TRUE(fs::exists(Path("destroyed")));
}

// Somebody's file: its commands are never run.
TEST_F(TeardownTest, ADirectoryThatWasNotRegisteredNamesNoCommands) {
  WriteTeardownRecord(run_.TeardownRecordJson(), teardown_record_);
  EXPECT_FALSE(IsTeardownPending(run_.path()));
  EXPECT_THAT([&] { RequireRegistered(run_); }, ThrowsMessage<Error>(HasSubstr("the commands in it are not run")));
  EXPECT_ANY_THROW(passthrough::TearDown(run_, progress_));
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  fs::remove(run_.TeardownRecordJson());
  EXPECT_NO_THROW(RequireRegistered(run_)) << "of a run that has ended";
}

TEST_F(TeardownTest, DestroysByTheFileThatWasDeployed) {
  WriteFile(teardown_record_.config, "name: production\n");
  Do();
  EXPECT_EQ(ReadFile(Path("destroyed")), run_.ClusterFile().string() + "\n");
}

TEST_F(TeardownTest, DestroysByItsCopyWhereTheFileIsGone) {
  fs::remove(teardown_record_.config);
  Do();
  EXPECT_EQ(ReadFile(Path("destroyed")), run_.ClusterFile().string() + "\n");
}

// As on a full disk: /dev/full takes nothing.
// Accepts connections and never says a word: a libvirtd that hangs, or one whose socket unit accepts while it starts.
class HangingLibvirt {
 public:
  explicit HangingLibvirt(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(socket_, 5), 0);
  }
  ~HangingLibvirt() { close(socket_); }
  HangingLibvirt(const HangingLibvirt&) = delete;
  HangingLibvirt& operator=(const HangingLibvirt&) = delete;

 private:
  int socket_;
};

// It may answer again when the deployer's destroy, which goes by names, runs: on what others have made since.
TEST_F(TeardownTest, DestroysNothingWhereItCannotBeSeenWhoseItIs) {
  const HangingLibvirt libvirt(Path("libvirt-sock"));
  teardown_record_.libvirt_uri = "qemu+unix:///system?socket=" + Path("libvirt-sock");
  Register();
  const TeardownReport report = passthrough::TearDown(run_, progress_, std::chrono::seconds(1));
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_NE(report.look_error, "");
  EXPECT_EQ(ReadTeardownReport(run_).look_error, report.look_error);
  EXPECT_TRUE(fs::exists(run_.TeardownRecordJson())) << "it is still pending";
}

// Exit status 1 of the status command says "down". A network that fails the command fails libvirt as well.
TEST_F(TeardownTest, AHostOfWhichNothingIsKnownIsNotDown) {
  for (const char* const status : {"exit 255", "exit 2", "kill -9 $$"}) {
    EXPECT_FALSE(HostIsKnownDown({"sh", "-c", status})) << status;
  }
  EXPECT_FALSE(HostIsKnownDown({}));
  EXPECT_FALSE(HostIsKnownDown({"/no/such/command"}));
  EXPECT_FALSE(HostIsKnownDown({"true"}));
  EXPECT_TRUE(HostIsKnownDown({"false"}));
}

TEST_F(TeardownTest, NeedsNoRoomOnTheDisk) {
  Register();
  fs::remove(run_.ClusterDestroyLog());
  fs::create_symlink("/dev/full", run_.ClusterDestroyLog());
  fs::create_directories(run_.HostAfter());  // a file cannot be written over a directory
  fs::create_directories(run_.Evidence() / "host" / "teardown.json");
  const TeardownReport report = passthrough::TearDown(run_, progress_);
  EXPECT_TRUE(fs::exists(Path("destroyed")));
  EXPECT_THAT(report.reaped, ElementsAre("domain c-compute-01"));
  EXPECT_FALSE(fs::exists(run_.TeardownRecordJson()));
}

}  // namespace
}  // namespace passthrough
