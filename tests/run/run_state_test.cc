#include "helpers/run/run_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class RunStateTest : public testing::Test {
 protected:
  RunSettings Settings() const {
    RunSettings settings;
    settings.plan.config_path = (directory_.path() / "c.yaml").string();
    settings.remote_directory = "/remote";
    settings.program_directory = "/programs";
    WriteFile(settings.plan.config_path, "a cluster file\n");
    return settings;
  }
  RunDirectory NewRun() const { return RunDirectory::Create(directory_.path() / "logs"); }

  const TemporaryDirectory directory_{"run-state"};
  Progress progress_{stderr, false};
};

TEST_F(RunStateTest, EverySnapshotIsCollectedAsTheSettingsSay) {
  RunSettings settings = Settings();
  settings.profile.time_limits.ssh = std::chrono::seconds(7);
  settings.profile.time_limits.collect = std::chrono::seconds(8);
  settings.profile.time_limits.probe_scale = 9;
  settings.profile.nodes_at_once = 11;
  settings.profile.gpu_memory_percent = 50;
  RunState state(settings, NewRun(), progress_);
  const CollectOptions options = state.CollectOptionsWith(nullptr);
  EXPECT_EQ(options.remote_directory, "/remote");
  EXPECT_EQ(options.program_directory, "/programs");
  EXPECT_EQ(options.evidence_directory, state.run().Evidence());
  EXPECT_EQ(options.jump, nullptr);
  EXPECT_EQ(options.host_keys, &state.host_keys());
  EXPECT_EQ(options.ready_limit, std::chrono::seconds(7));
  EXPECT_EQ(options.collect_limit, std::chrono::seconds(8));
  EXPECT_EQ(options.probe_scale, 9);
  EXPECT_EQ(options.nodes_at_once, 11);
  EXPECT_EQ(options.gpu_memory_percent, 50);
}

TEST_F(RunStateTest, APhaseIsInTheRecordWhicheverWayItEnds) {
  RunState state(Settings(), NewRun(), progress_);
  state.Phase("first", "doing the first", [] { return "did the first"; });
  EXPECT_THROW(state.Phase("second", "doing the second", []() -> std::string { throw Error("it is broken"); }), Error);
  const RunRecord record = ReadRunRecord(state.run().RunJson());
  ASSERT_THAT(record.phases, SizeIs(2));
  EXPECT_EQ(record.phases[0].name, "first");
  EXPECT_EQ(record.phases[0].error, "");
  EXPECT_EQ(record.phases[1].name, "second");
  EXPECT_EQ(record.phases[1].error, "it is broken");
}

TEST_F(RunStateTest, NotesAreInTheRecordAndARecordWithoutAnyIsRead) {
  RunState state(Settings(), NewRun(), progress_);
  state.Note("it cannot be seen");
  state.WriteRecord();
  EXPECT_THAT(ReadRunRecord(state.run().RunJson()).notes, ElementsAre("it cannot be seen"));
  std::string text = ReadFile(state.run().RunJson());
  const size_t begin = text.find("\"notes\"");
  ASSERT_NE(begin, std::string::npos);
  text.erase(begin, text.find(']', begin) - begin + 2);  // with the comma: as an earlier version wrote it
  WriteFile(state.run().RunJson(), text);
  EXPECT_THAT(ReadRunRecord(state.run().RunJson()).notes, testing::IsEmpty());
}

// What the host says of itself once it is up is part of the profile of the run: before that, nobody knows it.
TEST_F(RunStateTest, TheHostsFactsAreThereOnceItIsUp) {
  RunSettings settings = Settings();
  settings.profile.host.emplace();
  settings.profile.host->facts = directory_.path() / "facts.yaml";
  RunState state(settings, NewRun(), progress_);
  EXPECT_EQ(state.profile().stub_driver, "");
  EXPECT_THROW(state.ResolveProfileOfHost(), ConfigError);
  const auto known_hosts = directory_.path() / "known_hosts";
  const std::string key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJLxr2Yr4NtaVhCXpXmbyVhcBKyHKHyTcPzNGlGrXQ6t";
  WriteFile(known_hosts, "10.0.0.7 " + key + "\n");
  WriteFile(settings.profile.host->facts,
            "stub_driver: a stub\nlibvirt: {uri: 'test:///up'}\nknown_hosts: " + known_hosts.string() + "\n");
  state.ResolveProfileOfHost();
  EXPECT_EQ(state.profile().stub_driver, "a stub");
  state.WriteRecord();
  EXPECT_EQ(ReadRunRecord(state.run().RunJson()).stub_driver, "a stub");
  EXPECT_EQ(ReadRunRecord(state.run().RunJson()).libvirt_uri, "test:///up");
  EXPECT_THAT(state.host_keys().KnownTypes("10.0.0.7"), ElementsAre("ssh-ed25519"));
}

}  // namespace
}  // namespace passthrough
