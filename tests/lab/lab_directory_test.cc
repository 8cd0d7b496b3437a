#include "lab/host/lab_directory.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <chrono>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/config/profile.h"
#include "lab/host/commands.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_snapshots.h"
#include "lab/host/lab_start.h"
#include "lab/host/lab_up.h"
#include "lab/host/qemu_process.h"
#include "lab/host/qmp.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::ThrowsMessage;

LabRecord ARecord() {
  LabRecord record;
  record.id = "00112233445566aa";
  record.phase = LabPhase::kUp;
  record.cluster_file = "/c luster.yaml";
  record.images = "/images {x}";
  record.accelerator = "tcg";
  record.memory_mib = 2048;
  record.cpus = 2;
  record.functions = {"0000:01:00.0 gpu"};
  record.machine_key = "key\nkey";
  record.machine_arguments = {"/usr/bin/qemu", "-append", "a \"b\""};
  record.disk_address = "1.0";
  record.network_address = "2.0";
  record.entropy_address = "3.0";
  record.ssh_port = 40123;
  record.layer = 3;
  return record;
}

class LabDirectory : public testing::Test {
 protected:
  const TemporaryDirectory temporary_{"passthrough-lab-test"};
  const fs::path directory_ = temporary_.path() / "lab";
  const LabPaths paths_{directory_};
  const Deadline deadline_ = Deadline::After(30s);
};

TEST_F(LabDirectory, KeepsTheRecord) {
  fs::create_directory(directory_);
  EXPECT_FALSE(ReadLabRecord(paths_));
  WriteLabRecord(paths_, ARecord());
  EXPECT_EQ(ToJson(*ReadLabRecord(paths_)), ToJson(ARecord()));
}

TEST_F(LabDirectory, TellsOfARecordItCannotRead) {
  fs::create_directory(directory_);
  WriteFile(paths_.record(), "{\"format\": \"something else\"}");
  EXPECT_THAT([&] { ReadLabRecord(paths_); }, ThrowsMessage<Error>(HasSubstr("lab.json: not a lab")));
  WriteFile(paths_.record(), "{");
  EXPECT_THROW(ReadLabRecord(paths_), Error);
}

TEST_F(LabDirectory, IsOneCommandsAtATime) {
  const LabLock lock(directory_, deadline_);
  EXPECT_THAT([&] { LabLock(directory_, Deadline::After(50ms)); },
              ThrowsMessage<TimeoutError>(HasSubstr("another passthrough-lab is at work")));
}

TEST_F(LabDirectory, GoesWithItsLastContents) {
  {
    LabLock lock(directory_, deadline_);
    WriteLabRecord(paths_, ARecord());
    fs::create_directories(paths_.layers());
    WriteFile(paths_.layer(0), "x");
    lock.RemoveContents();
  }
  EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(LabDirectory, LeavesOtherPeoplesDirectoriesAlone) {
  fs::create_directory(directory_);
  WriteFile(directory_ / "thesis.tex", "x");
  EXPECT_THAT([&] { LabLock(directory_, deadline_); }, ThrowsMessage<Error>(HasSubstr("choose another --lab-dir")));
  EXPECT_THROW(TakeLabDown(directory_, false, StepLog(true)), Error);
  EXPECT_TRUE(fs::exists(directory_ / "thesis.tex"));
}

TEST_F(LabDirectory, DownRemovesWhatACutOffStartLeft) {
  fs::create_directories(paths_.layers());
  LabRecord record = ARecord();
  record.phase = LabPhase::kStarting;
  WriteLabRecord(paths_, record);
  WriteFile(paths_.facts(), "x");
  TakeLabDown(directory_, false, StepLog(true));
  EXPECT_FALSE(fs::exists(directory_));
  EXPECT_NO_THROW(TakeLabDown(directory_, false, StepLog(true))) << "once more does no harm";
}

TEST_F(LabDirectory, DownForAnOwnerTakesOnlyWhatIsThatOwners) {
  for (const std::string owner : {"", "run-2"}) {
    fs::create_directories(paths_.layers());
    LabRecord record = ARecord();
    record.owner = owner;
    WriteLabRecord(paths_, record);
    const LabLock restore(directory_, deadline_);  // or whatever its owner does: nobody waits for that
    TakeLabDown(directory_, true, StepLog(true), "run-1");
    EXPECT_EQ(ToJson(*ReadLabRecord(paths_)), ToJson(record)) << "not as it was: that of " << owner;
  }
  TakeLabDown(directory_, true, StepLog(true), "run-2");
  EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(LabDirectory, SnapshotsOutliveTheRunThatUsedTheirLab) {
  LabRecord record = ARecord();
  record.owner = "run-1";
  fs::create_directories(paths_.layers());
  for (const int layer : {2, 3, 4}) WriteFile(paths_.layer(layer), "x");
  WriteFile(paths_.layer_base(4), "x");
  record.layer = 3;
  fs::create_directories(paths_.snapshots() / "healthy");
  WriteFile(paths_.snapshots() / "healthy" / "state", "x");
  WriteFile(paths_.snapshots() / "healthy" / "snapshot.json",
            "{\"time\": \"2030-01-31 12:00:00\", \"lab\": " + ToJson(record) + "}");
  record.layer = 4;
  WriteLabRecord(paths_, record);
  TakeLabDown(directory_, true, StepLog(true), "run-1");
  EXPECT_EQ(ListSnapshots(paths_).size(), 1u);
  EXPECT_EQ(ReadLabRecord(paths_)->phase, LabPhase::kKept);
  EXPECT_TRUE(fs::exists(paths_.layer(2)) && fs::exists(paths_.layer(3)));
  EXPECT_FALSE(fs::exists(paths_.layer(4)) || fs::exists(paths_.layer_base(4))) << "the run's own disk";
  TakeLabDown(directory_, true, StepLog(true), "run-1");
  EXPECT_EQ(ListSnapshots(paths_).size(), 1u) << "it is nobody's now";
}

// Somebody deletes the lab's directory while its QEMU runs.
class StrayOfALab : public LabDirectory {
 protected:
  void SetUp() override {
    fs::create_directory(directory_);
    record_.id = NewLabId();
    record_.owner = "run-1";
    WriteLabRecord(paths_, record_);
    process_ = StartQemu({QemuProgram(), "-name", record_.QemuName(), "-machine", "none", "-nodefaults", "-display",
                          "none", "-qmp", "unix:qmp.sock,server=on,wait=off"},
                         directory_, record_.owner);
    QmpConnection::Open(paths_.qmp_socket(), deadline_);  // it runs
  }
  void TearDown() override { StopQemu(record_.QemuName(), {}); }
  int Status() {
    CommandLine line;
    line.options = {{"--lab-dir", {directory_.string()}}, {"--quiet", {""}}};
    return RunStatus(line);
  }

  LabRecord record_ = ARecord();
  pid_t process_ = 0;
};

TEST_F(StrayOfALab, IsNoneWhileItsRecordIsThere) {
  EXPECT_TRUE(StraysOf(paths_).empty());
  EXPECT_EQ(Status(), 0);
}

TEST_F(StrayOfALab, IsNotDown) {
  fs::remove_all(directory_);
  const std::vector<StrayQemu> strays = StraysOf(paths_);
  ASSERT_EQ(strays.size(), 1u);
  EXPECT_EQ(strays[0].process, process_);
  EXPECT_EQ(strays[0].owner, "run-1");
  EXPECT_EQ(Status(), 2);
  TakeLabDown(directory_, true, StepLog(true), "run-2");
  EXPECT_EQ(Status(), 2) << "another run's";
  TakeLabDown(directory_, true, StepLog(true), "run-1");
  EXPECT_EQ(FindQemu(record_.QemuName()), std::nullopt);
  EXPECT_EQ(Status(), 1);
  EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(StrayOfALab, IsNotTheLabThatIsInItsPlaceNow) {
  fs::remove_all(directory_);
  fs::create_directory(directory_);
  LabRecord next = ARecord();
  next.owner = "run-2";
  WriteLabRecord(paths_, next);
  TakeLabDown(directory_, true, StepLog(true), "run-1");
  EXPECT_EQ(FindQemu(record_.QemuName()), std::nullopt);
  EXPECT_EQ(ToJson(*ReadLabRecord(paths_)), ToJson(next));
}

TEST_F(StrayOfALab, IsFoundWhereOnlyTheRecordIsGone) {
  fs::remove(paths_.record());
  EXPECT_EQ(Status(), 2);
  EXPECT_TRUE(StraysOf(LabPaths(temporary_.path() / "lab2")).empty());
  EXPECT_TRUE(StraysOf(LabPaths(temporary_.path())).empty());
}

// " (deleted)" may be a part of a name.
TEST_F(StrayOfALab, IsNoneOfALabWhoseDirectoryHasSuchAName) {
  fs::rename(directory_, temporary_.path() / "lab (deleted)");
  EXPECT_TRUE(StraysOf(paths_).empty());
}

TEST_F(LabDirectory, NumbersLayersUpwards) {
  fs::create_directories(paths_.layers());
  EXPECT_EQ(NextLayer(paths_), 0);
  WriteFile(paths_.layer(0), "");
  WriteFile(paths_.layer(9), "");
  WriteFile(paths_.layers() / "base-9.qcow2", "");
  EXPECT_EQ(NextLayer(paths_), 10);
}

TEST_F(LabDirectory, SnapshotsNeedALab) {
  EXPECT_THAT([&] { SnapshotLab(directory_, "a", false, StepLog(true)); },
              ThrowsMessage<Error>(HasSubstr("no lab is up in")));
  EXPECT_THAT([&] { RestoreLab(directory_, "a", StepLog(true)); },
              ThrowsMessage<Error>(HasSubstr("no snapshot \"a\"; there is none")));
  EXPECT_FALSE(fs::exists(directory_));
}

TEST(SnapshotName, IsAPlainFileName) {
  EXPECT_EQ(SnapshotNameProblem("with-cluster_2.0"), "");
  for (const char* bad : {"", ".", "..", "a/b", "-x", "a b", "\x1b"}) {
    EXPECT_NE(SnapshotNameProblem(bad), "") << bad;
  }
  EXPECT_NE(SnapshotNameProblem(std::string(65, 'a')), "");
}

TEST_F(LabDirectory, FactsAreAProfileFragment) {
  fs::create_directory(directory_);
  WriteFacts(paths_, ARecord());
  Profile without_facts;
  without_facts.host.emplace();
  without_facts.host->facts = paths_.facts();
  const Profile profile = ResolveProfile(without_facts, HostFacts::kRequired);
  EXPECT_EQ(profile.libvirt_uri, LabLibvirtUri(paths_));
  EXPECT_THAT(profile.libvirt_uri, HasSubstr("qemu+ssh://root@lab-host/system?command=/"));
  EXPECT_EQ(profile.ssh.user, "admin");
  EXPECT_EQ(profile.ssh.key, "/images {x}/ssh/id_ed25519");
  ASSERT_TRUE(profile.jump);
  EXPECT_EQ(profile.jump->port, 40123);
  EXPECT_TRUE(profile.emulated_devices);
  EXPECT_THAT(profile.stub_driver, HasSubstr("simulated"));
  EXPECT_EQ(profile.host_owner, "none");
  LabRecord record = ARecord();
  record.owner = "run-1";
  WriteFacts(paths_, record);
  EXPECT_EQ(ResolveProfile(without_facts, HostFacts::kRequired).host_owner, "run-1");
}

TEST_F(LabDirectory, DeploySettingsComeBack) {
  fs::create_directory(directory_);
  WriteFacts(paths_, ARecord());
  const DeploySettings settings = ReadDeploySettings(paths_.deployer());
  EXPECT_TRUE(settings.impersonate);
  EXPECT_FALSE(settings.gpu_rom);
  ASSERT_TRUE(settings.scale);
  EXPECT_EQ(settings.scale->memory_mib, 256);
  ASSERT_TRUE(settings.base_volume);
  EXPECT_EQ(settings.base_volume->volume, "node.qcow2");
}

}  // namespace
}  // namespace passthrough
