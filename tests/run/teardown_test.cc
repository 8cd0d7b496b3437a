#include "helpers/run/teardown.h"

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
#include "helpers/run/host_status.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
    lease_.run = run_.path().string();
    lease_.libvirt_uri = "test://" + Path("host.xml");
    lease_.config = Path("c.yaml");
    lease_.domains = {"c-compute-01"};
    lease_.destroy = {{"sh", "-c", "echo \"$1\" >>\"$0\"", Path("destroyed"), lease_.config}};
    lease_.deployed = true;
    lease_.owner = IdentityOf(getpid());
    WriteFile(lease_.config, "name: c\n");
    WriteFile(run_.ClusterFile(), "name: c\n");
    WriteFile(run_.HostBefore(), ToJson(Now()));
  }
  ~TeardownTest() override { unsetenv("XDG_STATE_HOME"); }

  std::string Path(const std::string& name) const { return (scratch_.path() / name).string(); }
  Inventory Now() { return LibvirtConnection::Open(lease_.libvirt_uri, Deadline::Never()).TakeInventory(); }
  TeardownReport Do() {
    WriteLease(run_.LeaseJson(), lease_);
    return passthrough::TearDown(run_, progress_);
  }

  TemporaryDirectory scratch_{"teardown"};
  RunDirectory run_;
  Lease lease_;
  Progress progress_{stderr, false};
};

TEST_F(TeardownTest, RunsTheDeployersDestroyAndEndsTheLease) {
  lease_.made = {{"domain c-compute-01", "11111111-1111-1111-1111-111111111111"}};
  const TeardownReport report = Do();
  EXPECT_EQ(report.destroy_error, "");
  EXPECT_EQ(ReadFile(Path("destroyed")), lease_.config + "\n");
  EXPECT_THAT(report.reaped, ElementsAre("domain c-compute-01"));  // this destroy removes nothing
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
}

// The names were given anew since: the deployer's destroy, which goes by names, would take them away.
TEST_F(TeardownTest, WhatSomebodyElseMadeSinceIsLeftAlone) {
  lease_.made = {{"domain c-compute-01", "22222222-2222-2222-2222-222222222222"}};
  const TeardownReport report = Do();
  EXPECT_THAT(report.left_alone, ElementsAre("domain c-compute-01"));
  EXPECT_THAT(report.reaped, IsEmpty());
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_TRUE(report.NothingRemains());
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
}

TEST_F(TeardownTest, AfterARebootWhatWasMadeByHalfIsNotGuessed) {
  lease_.owner.boot_id = "an earlier one";
  const TeardownReport report = Do();
  EXPECT_THAT(report.reap_error, HasSubstr("nobody can tell whether"));
  EXPECT_THAT(report.reap_error, HasSubstr("domain c-compute-01"));
  EXPECT_THAT(report.reaped, IsEmpty());
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_TRUE(fs::exists(run_.LeaseJson()));
}

TEST_F(TeardownTest, DestroysByTheFileThatWasDeployed) {
  WriteFile(lease_.config, "name: production\n");
  Do();
  EXPECT_EQ(ReadFile(Path("destroyed")), run_.ClusterFile().string() + "\n");
}

TEST_F(TeardownTest, DestroysByItsCopyWhereTheFileIsGone) {
  fs::remove(lease_.config);
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

TEST_F(TeardownTest, RunsTheDeployersDestroyAlsoWhereLibvirtHangs) {
  const HangingLibvirt libvirt(Path("libvirt-sock"));
  lease_.libvirt_uri = "qemu+unix:///system?socket=" + Path("libvirt-sock");
  WriteLease(run_.LeaseJson(), lease_);
  const TeardownReport report = passthrough::TearDown(run_, progress_, std::chrono::seconds(1));
  EXPECT_EQ(report.destroy_error, "");
  EXPECT_EQ(ReadFile(Path("destroyed")), lease_.config + "\n");
  EXPECT_NE(report.look_error, "") << "nobody knows what is left";
  EXPECT_TRUE(fs::exists(run_.LeaseJson())) << "so it is still owed";
  EXPECT_EQ(ReadTeardownReport(run_).look_error, report.look_error);
}

// It may answer again when the deployer's destroy, which goes by names, runs: on what others have made since.
TEST_F(TeardownTest, DestroysNothingWhereItCannotBeSeenWhoseItIs) {
  const HangingLibvirt libvirt(Path("libvirt-sock"));
  lease_.libvirt_uri = "qemu+unix:///system?socket=" + Path("libvirt-sock");
  lease_.made = {{"domain c-compute-01", "22222222-2222-2222-2222-222222222222"}};
  WriteLease(run_.LeaseJson(), lease_);
  const TeardownReport report = passthrough::TearDown(run_, progress_, std::chrono::seconds(1));
  EXPECT_FALSE(fs::exists(Path("destroyed")));
  EXPECT_NE(report.look_error, "");
  EXPECT_TRUE(fs::exists(run_.LeaseJson())) << "it is still owed";
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
  WriteLease(run_.LeaseJson(), lease_);
  fs::remove(run_.ClusterDestroyLog());
  fs::create_symlink("/dev/full", run_.ClusterDestroyLog());
  fs::create_directories(run_.HostAfter());  // a file cannot be written over a directory
  fs::create_directories(run_.Evidence() / "host" / "teardown.json");
  const TeardownReport report = passthrough::TearDown(run_, progress_);
  EXPECT_TRUE(fs::exists(Path("destroyed")));
  EXPECT_THAT(report.reaped, ElementsAre("domain c-compute-01"));
  EXPECT_FALSE(fs::exists(run_.LeaseJson()));
}

}  // namespace
}  // namespace passthrough
