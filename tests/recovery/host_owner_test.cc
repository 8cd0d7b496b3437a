// Whose the host is that a profile brings up: runs with a host of a shell script, which is up while there is a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/config/profile.h"
#include "helpers/recovery/teardown.h"
#include "helpers/run/cluster_run.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

// "owner" has who brought the host up. "up" fails where there is a file "refuses", and waits where there is one
// "waits"; "status" says what "says" has, where that is there.
constexpr char kHost[] = R"sh(
cd "$0" || exit 9
case $1 in
status) [ ! -e says ] || exit "$(cat says)"; [ -e owner ] ;;
up)
  while [ -e waits ]; do sleep 0.05; done
  [ ! -e refuses ] || exit 1
  [ -e owner ] || echo "$2" >owner
  echo "owner: \"$(cat owner)\"" >facts.yaml ;;
down) [ "$(cat owner)" != "$2" ] || rm -f owner facts.yaml ;;
esac
)sh";

class HostOwnerTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("XDG_STATE_HOME", (scratch_.path() / "state").c_str(), 1);
    fs::create_directory(host_);
    WriteFile(cluster_file_, "name: c\n");
    WriteProfile("\"{run}\"");
  }
  void TearDown() override { unsetenv("XDG_STATE_HOME"); }

  void WriteProfile(const std::string& told_to_down) {
    const std::string script = (scratch_.path() / "host.sh").string();
    WriteFile(script, kHost);
    const std::string command = "[sh, -c, '. " + script + "', '" + host_.string() + "', ";
    WriteFile(profile_,
              "version: '1.0'\ndescription: d\nlibvirt: {uri: 'test:///default'}\n"
              "host:\n  status: " +
                  command + "status]\n  up: " + command + "up, \"{run}\"]\n  down: " + command + "down, " +
                  told_to_down + "]\n  facts: " + (host_ / "facts.yaml").string() +
                  "\ndeployer: {create: ['true'], destroy: ['true']}\nssh: {user: admin}\n");
  }
  void BroughtUpBy(const std::string& owner) {
    WriteFile(host_ / "owner", owner + "\n");
    WriteFile(host_ / "facts.yaml", "owner: \"" + owner + "\"\n");
  }
  bool HostIsUp() const { return fs::exists(host_ / "owner"); }

  // A run of the cluster `name`. It is kept, so that it needs no guard.
  ClusterRun NewRun(const std::string& name) {
    RunSettings settings;
    settings.plan.name = name;
    settings.plan.config_path = cluster_file_.string();
    PlannedCluster cluster;
    cluster.name = name;
    cluster.network_name = name + "-network";
    cluster.pool_name = name + "-pool";
    settings.plan.clusters.push_back(cluster);
    settings.profile = ReadProfileFile(profile_.string(), {});
    settings.keep_cluster = true;
    settings.watched = getpid();
    return ClusterRun(std::move(settings), RunDirectory::Create(scratch_.path() / name), progress_);
  }
  static TeardownRecord RecordOf(const ClusterRun& run) { return ReadTeardownRecord(run.run().TeardownRecordJson()); }

  TemporaryDirectory scratch_{"host-owner"};
  const fs::path host_ = scratch_.path() / "host";
  const fs::path cluster_file_ = scratch_.path() / "c.yaml";
  const fs::path profile_ = scratch_.path() / "mine.yaml";
  Progress progress_{stderr, false};
};

TEST_F(HostOwnerTest, ARunBringsDownWhatItBroughtUp) {
  ClusterRun run = NewRun("one");
  run.Deploy();
  EXPECT_TRUE(HostIsUp());
  EXPECT_THAT(RecordOf(run).host_down, Not(IsEmpty()));
  passthrough::TearDown(run.run(), progress_);
  EXPECT_FALSE(HostIsUp());
  EXPECT_FALSE(fs::exists(run.run().TeardownRecordJson()));
}

TEST_F(HostOwnerTest, AHostThatWasUpStaysUp) {
  BroughtUpBy("somebody");
  ClusterRun run = NewRun("one");
  run.Deploy();
  EXPECT_THAT(RecordOf(run).host_down, IsEmpty());
  passthrough::TearDown(run.run(), progress_);
  EXPECT_TRUE(HostIsUp());
}

// Somebody's own "up" or "restore" is under way: status does not say that the host is up yet, and up waits for it.
TEST_F(HostOwnerTest, AHostThatAnotherIsBringingUpStaysUp) {
  for (const std::string status : {"1", "2"}) {
    SCOPED_TRACE("status " + status);
    BroughtUpBy("somebody");
    WriteFile(host_ / "says", status);
    ClusterRun run = NewRun("status-" + status);
    run.Deploy();
    EXPECT_THAT(RecordOf(run).host_down, IsEmpty()) << "others may come onto it, too";
    fs::remove(host_ / "says");
    passthrough::TearDown(run.run(), progress_);
    EXPECT_TRUE(HostIsUp());
  }
}

TEST_F(HostOwnerTest, AnUpThatIsRefusedTakesNobodysHostDown) {
  BroughtUpBy("somebody");
  WriteFile(host_ / "says", "1");
  WriteFile(host_ / "refuses", "");
  ClusterRun run = NewRun("one");
  EXPECT_THROW(run.Deploy(), ProcessError);
  EXPECT_THAT(RecordOf(run).host_down, Not(IsEmpty())) << "whoever was killed by now would have left it";
  passthrough::TearDown(run.run(), progress_);
  EXPECT_TRUE(HostIsUp());
  EXPECT_FALSE(fs::exists(run.run().TeardownRecordJson()));
}

// Both would bring the host up, and the first one to end would bring it down.
TEST_F(HostOwnerTest, ASecondRunDoesNotComeOntoAHostThatIsBeingBroughtUp) {
  WriteFile(host_ / "waits", "");
  ClusterRun first = NewRun("one");
  std::future<void> deployed = std::async(std::launch::async, [&] { first.Deploy(); });
  while (!fs::exists(first.run().TeardownRecordJson()) || RecordOf(first).command.pid == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ClusterRun second = NewRun("two");
  EXPECT_THAT([&] { second.Deploy(); }, ThrowsMessage<Error>(HasSubstr("is held by a run that goes on")));
  EXPECT_FALSE(fs::exists(second.run().TeardownRecordJson()));
  fs::remove(host_ / "waits");
  deployed.get();
  EXPECT_TRUE(HostIsUp());
  passthrough::TearDown(first.run(), progress_);
  EXPECT_FALSE(HostIsUp());
}

// Beside each other in somebody's own lab.
TEST_F(HostOwnerTest, RunsOfDifferentClustersShareAHostThatWasUp) {
  BroughtUpBy("somebody");
  ClusterRun first = NewRun("one");
  first.Deploy();
  ClusterRun second = NewRun("two");
  EXPECT_NO_THROW(second.Deploy());
}

TEST_F(HostOwnerTest, AHostOfUnknownStateIsNotGivenToADownThatKnowsNoOwner) {
  WriteProfile("everything");
  WriteFile(host_ / "says", "2");
  ClusterRun run = NewRun("one");
  EXPECT_THAT([&] { run.Deploy(); },
              ThrowsMessage<Error>(HasSubstr("neither that the host is up nor that it is down")));
  EXPECT_FALSE(fs::exists(run.run().TeardownRecordJson()));
  EXPECT_FALSE(HostIsUp());
}

}  // namespace
}  // namespace passthrough
