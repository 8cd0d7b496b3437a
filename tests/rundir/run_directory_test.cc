#include "helpers/rundir/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/rundir/run_record.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

TEST(RunDirectoryTest, IsNamedByTheTimeAndLatestPointsToIt) {
  const TemporaryDirectory logs("run-directory");
  const RunDirectory run = RunDirectory::Create(logs.path() / "logs");
  EXPECT_THAT(run.path().filename().string(),
              testing::MatchesRegex("run-[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}"));
  EXPECT_EQ(fs::canonical(logs.path() / "logs" / "latest"), fs::canonical(run.path()));
  EXPECT_EQ(fs::status(run.path()).permissions(), fs::perms::owner_all);
  EXPECT_EQ(run.Relative(run.HostBefore()), "evidence/host/before.json");
}

TEST(RunDirectoryTest, TwoRunsInOneSecondDoNotMeet) {
  const TemporaryDirectory logs("run-directory");
  const RunDirectory first = RunDirectory::Create(logs.path());
  const RunDirectory second = RunDirectory::Create(logs.path());
  EXPECT_NE(first.path(), second.path());
  EXPECT_EQ(fs::canonical(logs.path() / "latest"), fs::canonical(second.path()));
}

TEST(RunDirectoryTest, ADirectoryWithoutARunIsRefused) {
  const TemporaryDirectory logs("run-directory");
  EXPECT_THROW(RunDirectory::Open(logs.path()), Error);
  EXPECT_THROW(RunDirectory::Create("/proc/nowhere"), Error);
}

TEST(RunRecordTest, IsReadAsItWasWritten) {
  const TemporaryDirectory directory("run-record");
  RunRecord record;
  record.mode = RunMode::kCtest;
  record.cluster = "test";
  record.stub_driver = "a stub";
  record.emulated_devices = true;
  record.least_link_percent = 60;
  record.cleanup = false;
  record.error = "a node said \xff";  // not UTF-8: must not make the file unwritable
  record.versions["suite"] = "1";
  record.probes = {"pci"};
  record.phases = {{.name = "deploy", .seconds = 1.5, .error = ""}};
  const fs::path file = directory.path() / "run.json";
  WriteRunRecord(file, record);
  const RunRecord read = ReadRunRecord(file);
  EXPECT_EQ(read.mode, RunMode::kCtest);
  EXPECT_EQ(read.cluster, "test");
  EXPECT_EQ(read.stub_driver, "a stub");
  EXPECT_TRUE(read.emulated_devices);
  EXPECT_EQ(read.least_link_percent, 60);
  EXPECT_FALSE(read.cleanup);
  EXPECT_THAT(read.error, testing::StartsWith("a node said "));
  EXPECT_EQ(read.probes, record.probes);
  ASSERT_EQ(read.phases.size(), 1u);
  EXPECT_EQ(read.phases[0].seconds, 1.5);
}

TEST(RunRecordTest, ABrokenFileIsAnErrorThatNamesIt) {
  const TemporaryDirectory directory("run-record");
  WriteFile(directory.path() / "run.json", "{\"mode\": \"direct\"}");
  EXPECT_THAT([&] { ReadRunRecord(directory.path() / "run.json"); },
              testing::ThrowsMessage<EvidenceError>(testing::HasSubstr("run.json")));
}

TEST(RunRecordTest, HasItsEndFromItsStartAndItsPhases) {
  RunRecord record;
  record.started = "2026-11-27T10:00:00+0100";
  record.phases = {{.name = "deploy", .seconds = 20.4, .error = ""}, {.name = "destroy", .seconds = 9.8, .error = ""}};
  EXPECT_EQ(EndOf(record), 1795770030);
  EXPECT_EQ(UnixTimeOf("1970-01-01T00:00:01+0000"), 1);
  for (const char* none : {"", "yesterday", "2026-11-27T10:00:00", "2026-11-27T10:00:00+0100 or so"}) {
    record.started = none;
    EXPECT_EQ(EndOf(record), std::nullopt) << none;
  }
}

TEST(RunRecordTest, APhaseThatCannotHaveTakenThatLongIsRefused) {
  const TemporaryDirectory directory("run-record");
  RunRecord record;
  for (const double seconds : {-1.0, 1e300}) {
    record.phases = {{.name = "deploy", .seconds = seconds, .error = ""}};
    WriteRunRecord(directory.path() / "run.json", record);
    EXPECT_THROW(ReadRunRecord(directory.path() / "run.json"), EvidenceError) << seconds;
  }
}

}  // namespace
}  // namespace passthrough
