#include "helpers/run/disruption_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The scripts with a shell of this machine, on directories that stand for /sys and /proc, a systemctl and an nvidia-smi
// that keep notes, and a sleep that does not.
class DisruptionScriptsTest : public testing::Test {
 protected:
  DisruptionScriptsTest() {
    for (const char* directory : {"bin", "bus/pci/devices"}) std::filesystem::create_directories(Path(directory));
    WriteFile(Path("bus/pci/rescan"), "");
    WriteFile(Path("bin/sleep"), "#!/bin/sh\n", 0755);
    AddProcess(1, "init", {"/dev/null"});
    AddProcess(20, "node-exporter", {"/dev/nvidiactl", "/dev/nvidia-uvm", "/srv/dev/nvidia0"});
    SetDaemon("active");
    SetPersistence("00000000:01:00.0, Disabled");
  }
  std::filesystem::path Path(const std::string& name) const { return node_.path() / name; }
  void SetDaemon(const std::string& state) {
    WriteFile(Path("bin/systemctl"),
              "#!/bin/sh\n[ \"$1\" != is-active ] || { echo " + state + "; [ " + state + " = active ]; exit; }\n" +
                  "echo \"$1\" >>" + Path("calls").string() + "\n",
              0755);
  }
  // `lines`: of the GPUs. Setting a mode fails, as it does with the lab's.
  void SetPersistence(const std::string& lines) {
    WriteFile(Path("modes"), lines + "\n");
    WriteFile(Path("bin/nvidia-smi"),
              "#!/bin/sh\ncase $1 in --query*) cat " + Path("modes").string() + "; exit ;; esac\n" +
                  "echo \"$*\" >>" + Path("calls").string() + "\nexit 2\n",
              0755);
  }
  void AddProcess(int pid, const std::string& name, const std::vector<std::string>& open) {
    const std::filesystem::path directory = Path("proc/" + std::to_string(pid));
    std::filesystem::create_directories(directory / "fd");
    WriteFile(directory / "comm", name + "\n");
    for (size_t i = 0; i < open.size(); ++i) {
      std::filesystem::create_symlink(open[i], directory / "fd" / std::to_string(i));
    }
  }
  ChildResult RunScript(const std::string& script) {
    ChildOptions options;
    options.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    return RunChild({"sh", "-c", script}, options, Deadline::After(std::chrono::minutes(1)));
  }
  NodePlaces Places() const { return {node_.path().string(), Path("proc").string()}; }
  ChildResult Rescan(const std::vector<PciAddress>& gpus) { return RunScript(RescanScript(gpus, Places())); }
  std::string Calls() const { return std::filesystem::exists(Path("calls")) ? ReadFile(Path("calls")) : ""; }
  bool Rescanned() const { return ReadFile(Path("bus/pci/rescan")) == "1\n"; }

  const PciAddress gpu_ = PciAddress::Parse("0000:01:00.0").value();
  const PciAddress other_ = PciAddress::Parse("0000:c1:00.0").value();
  const TemporaryDirectory node_{"scripts"};
};

TEST_F(DisruptionScriptsTest, RescansAlsoWhereAGpuCannotBeRemoved) {
  EXPECT_EQ(Rescan({gpu_}).exit_status, 2) << "it has no file to remove it by";
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(DisruptionScriptsTest, RescansAlsoWhereAGpuStaysListed) {
  std::filesystem::create_directories(Path("bus/pci/devices/0000:01:00.0"));
  EXPECT_EQ(Rescan({gpu_}).exit_status, 3);
  EXPECT_EQ(ReadFile(Path("bus/pci/devices/0000:01:00.0/remove")), "1\n");
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(DisruptionScriptsTest, StartsNoDaemonThatDidNotRun) {
  SetDaemon("inactive");
  EXPECT_EQ(Rescan({}).exit_status, 0);
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "");
}

TEST_F(DisruptionScriptsTest, TellsThatTheRescanFailed) {
  std::filesystem::remove(Path("bus/pci/rescan"));
  std::filesystem::create_directory(Path("bus/pci/rescan"));
  EXPECT_EQ(Rescan({}).exit_status, 4);
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(DisruptionScriptsTest, RemovesNothingThatAProgramHolds) {
  std::filesystem::create_directories(Path("bus/pci/devices/0000:01:00.0"));
  AddProcess(4711, "python3", {"/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia0"});
  AddProcess(4712, "nv-hostengine", {"/dev/nvidia12"});
  const ChildResult result = Rescan({gpu_});
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "nv-hostengine (PID 4712)\npython3 (PID 4711)\n");
  EXPECT_FALSE(std::filesystem::exists(Path("bus/pci/devices/0000:01:00.0/remove")));
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(DisruptionScriptsTest, PersistenceModeIsAsBefore) {
  SetPersistence("00000000:01:00.0, Enabled\n00000000:C1:00.0, Enabled");
  EXPECT_EQ(Rescan({}).exit_status, 0) << "a mode that cannot be set is no reason to fail";
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
  std::filesystem::remove(Path("calls"));
  SetDaemon("inactive");
  SetPersistence("00000000:01:00.0, Disabled\n00000000:C1:00.0, Enabled");
  EXPECT_EQ(Rescan({}).exit_status, 0);
  EXPECT_EQ(Calls(), "-pm 0\n-i 00000000:C1:00.0 -pm 1\n");
}

TEST_F(DisruptionScriptsTest, WhatIsReleasedForAnUnplugIsRestoredAfterIt) {
  SetPersistence("00000000:01:00.0, Disabled\n00000000:C1:00.0, Enabled");
  const ChildResult result = RunScript(ReleaseScript(Places()));
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(Calls(), "stop\n-pm 0\n");
  std::filesystem::remove(Path("calls"));
  const ReleasedGpus released = ReadReleased(result.output, {gpu_, other_});
  EXPECT_TRUE(released.daemon);
  EXPECT_FALSE(released.all_persistent);
  EXPECT_THAT(released.persistent, ElementsAre(other_));
  EXPECT_EQ(RunScript(RestoreScript(released)).exit_status, 0);
  EXPECT_EQ(Calls(), "start\n-i 0000:c1:00.0 -pm 1\n");
}

TEST_F(DisruptionScriptsTest, AllGpusTakeOneCallToRestore) {
  SetDaemon("inactive");
  SetPersistence("00000000:01:00.0, Enabled\n00000000:C1:00.0, Enabled");
  const ReleasedGpus released = ReadReleased(RunScript(ReleaseScript(Places())).output, {gpu_, other_});
  std::filesystem::remove(Path("calls"));
  EXPECT_EQ(RunScript(RestoreScript(released)).exit_status, 0);
  EXPECT_EQ(Calls(), "-pm 1\n");
}

TEST_F(DisruptionScriptsTest, AReleaseThatFindsAHolderChangesNothing) {
  SetPersistence("00000000:01:00.0, Enabled");
  AddProcess(4711, "python3", {"/dev/nvidia0"});
  const ChildResult result = RunScript(ReleaseScript(Places()));
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "python3 (PID 4711)\n");
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
}

TEST_F(DisruptionScriptsTest, ANodeWithoutNvidiasPrograms) {
  SetDaemon("unknown");
  WriteFile(Path("bin/nvidia-smi"), "#!/bin/sh\nexit 127\n", 0755);
  const ChildResult result = RunScript(ReleaseScript(Places()));
  EXPECT_EQ(result.exit_status, 0);
  const ReleasedGpus released = ReadReleased(result.output, {gpu_});
  EXPECT_FALSE(released.daemon);
  EXPECT_FALSE(released.all_persistent);
  EXPECT_THAT(released.persistent, IsEmpty());
  EXPECT_EQ(Calls(), "");
}

TEST_F(DisruptionScriptsTest, NothingThatANodePrintsBecomesACommand) {
  const ReleasedGpus released =
      ReadReleased("daemon: active;reboot\npersistent: 0000:01:00.0;reboot\npersistent: 0000:02:00.0\n", {gpu_});
  EXPECT_FALSE(released.daemon);
  EXPECT_THAT(released.persistent, IsEmpty());
}

TEST_F(DisruptionScriptsTest, StandInSingleQuotes) {
  EXPECT_THAT(RescanScript({gpu_}), Not(HasSubstr("'")));
  EXPECT_THAT(ReleaseScript(), Not(HasSubstr("'")));
  EXPECT_THAT(RestoreScript({true, false, {gpu_}}), Not(HasSubstr("'")));
}

}  // namespace
}  // namespace passthrough
