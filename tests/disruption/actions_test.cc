// What changes a node: the scripts of remote/actions/.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/disruption/node_disruption.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kGpusAreHeld = 6;
constexpr char kGpuAddress[] = "0000:01:00.0";

// With a shell of this machine, on directories that stand for /sys and /proc, a systemctl and an nvidia-smi that keep
// notes, and a sleep that does not.
class ActionsTest : public testing::Test {
 protected:
  ActionsTest() {
    for (const char* directory : {"bin", "sys/bus/pci/devices"}) std::filesystem::create_directories(Path(directory));
    WriteFile(Path("sys/bus/pci/rescan"), "");
    WriteFile(Path("bin/sleep"), "#!/bin/sh\nexec /bin/sleep 0.02\n", 0755);
    WriteFile(Path("bin/modprobe"), "#!/bin/sh\necho \"modprobe $*\" >>" + Path("calls").string() + "\nexit 1\n", 0755);
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
              "#!/bin/sh\ncase $1 in --query*) cat " + Path("modes").string() + "; exit ;; esac\n" + "echo \"$*\" >>" +
                  Path("calls").string() + "\nexit 2\n",
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
  static std::string Script(const std::string& action) {
    return PASSTHROUGH_SOURCE_DIR "/remote/actions/" + action + ".sh";
  }
  ChildResult RunProgram(const std::vector<std::string>& argv) {
    ChildOptions options;
    options.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    options.environment["PROBE_ROOT"] = node_.path().string();
    return RunChild(argv, options, Deadline::After(std::chrono::minutes(1)));
  }
  ChildResult Run(const std::string& action, const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> argv{"sh", Script(action)};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return RunProgram(argv);
  }
  ChildResult Rescan(const std::vector<std::string>& gpus) { return Run("rescan", gpus); }
  std::string Calls() const { return std::filesystem::exists(Path("calls")) ? ReadFile(Path("calls")) : ""; }
  bool Rescanned() const { return ReadFile(Path("sys/bus/pci/rescan")) == "1\n"; }

  const TemporaryDirectory node_{"actions"};
};

TEST_F(ActionsTest, RescansAlsoWhereAGpuCannotBeRemoved) {
  EXPECT_EQ(Rescan({kGpuAddress}).exit_status, 2) << "it has no file to remove it by";
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(ActionsTest, RescansAlsoWhereAGpuStaysListed) {
  std::filesystem::create_directories(Path("sys/bus/pci/devices/0000:01:00.0"));
  EXPECT_EQ(Rescan({kGpuAddress}).exit_status, 3);
  EXPECT_EQ(ReadFile(Path("sys/bus/pci/devices/0000:01:00.0/remove")), "1\n");
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(ActionsTest, StartsNoDaemonThatDidNotRun) {
  SetDaemon("inactive");
  EXPECT_EQ(Rescan({}).exit_status, 0);
  EXPECT_TRUE(Rescanned());
  EXPECT_EQ(Calls(), "");
}

TEST_F(ActionsTest, ReportsThatTheRescanFailed) {
  std::filesystem::remove(Path("sys/bus/pci/rescan"));
  std::filesystem::create_directory(Path("sys/bus/pci/rescan"));
  EXPECT_EQ(Rescan({}).exit_status, 4);
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(ActionsTest, RemovesNothingThatAProgramHolds) {
  std::filesystem::create_directories(Path("sys/bus/pci/devices/0000:01:00.0"));
  AddProcess(4711, "python3", {"/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia0"});
  AddProcess(4712, "nv-hostengine", {"/dev/nvidia12"});
  const ChildResult result = Rescan({kGpuAddress});
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "nv-hostengine (PID 4712)\npython3 (PID 4711)\n");
  EXPECT_FALSE(std::filesystem::exists(Path("sys/bus/pci/devices/0000:01:00.0/remove")));
  EXPECT_EQ(Calls(), "stop\nstart\n");
}

TEST_F(ActionsTest, AProgramHoldsAGpuAlsoThroughDrmAndModeset) {
  std::filesystem::create_directories(Path("sys/bus/pci/drivers/nvidia/0000:01:00.0/drm/card1"));
  std::filesystem::create_directories(Path("sys/bus/pci/drivers/nvidia/0000:01:00.0/drm/renderD129"));
  AddProcess(30, "desktop", {"/dev/dri/card0", "/dev/dri/renderD128"});  // another GPU's
  EXPECT_EQ(Run("release").exit_status, 0);
  AddProcess(31, "Xorg", {"/dev/nvidia-modeset"});
  AddProcess(32, "kwin_wayland", {"/dev/dri/card1"});
  AddProcess(33, "glxgears", {"/dev/dri/renderD129"});
  const ChildResult result = Run("release");
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "Xorg (PID 31)\nglxgears (PID 33)\nkwin_wayland (PID 32)\n");
}

// With modeset=1 it opens each GPU, and no process shows that.
TEST_F(ActionsTest, TheKernelsOwnUseOfAGpuIsEndedAndComesBack) {
  SetDaemon("inactive");
  std::filesystem::create_directories(Path("sys/module/nvidia_drm/parameters"));
  WriteFile(Path("sys/module/nvidia_drm/parameters/modeset"), "Y\n");
  WriteFile(Path("sys/module/nvidia_drm/parameters/fbdev"), "N\n");
  WriteFile(Path("bin/modprobe"),
            "#!/bin/sh\necho \"modprobe $*\" >>" + Path("calls").string() + "\n[ \"$1\" != -r ] || rm -r " +
                Path("sys/module/nvidia_drm").string() + "\n",
            0755);
  const ChildResult result = Run("release");
  EXPECT_EQ(result.exit_status, 0);
  const std::vector<std::string> released = ReleasedWords(result.output);
  EXPECT_THAT(released, ElementsAre("nvidia:drm:Y.N"));
  EXPECT_EQ(Calls(), "modprobe -r nvidia_drm\n");
  EXPECT_EQ(Run("restore", released).exit_status, 0);
  EXPECT_EQ(Calls(), "modprobe -r nvidia_drm\nmodprobe nvidia_drm modeset=Y fbdev=N\n");
}

TEST_F(ActionsTest, AKernelThatDoesNotLetGoIsNamed) {
  std::filesystem::create_directories(Path("sys/module/nvidia_drm/parameters"));
  WriteFile(Path("sys/module/nvidia_drm/parameters/modeset"), "Y\n");
  std::filesystem::create_directories(Path("sys/class/graphics/fb0"));
  WriteFile(Path("sys/class/graphics/fb0/name"), "nvidia-drmdrmfb\n");
  const ChildResult result = Rescan({kGpuAddress});
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "the kernel: nvidia_drm with modeset=1, the console on fb0\n");
  EXPECT_EQ(Calls(), "stop\nmodprobe -r nvidia_drm\nstart\n");
}

TEST_F(ActionsTest, ModesetThatIsOffHoldsNothing) {
  SetDaemon("inactive");
  std::filesystem::create_directories(Path("sys/module/nvidia_drm/parameters"));
  WriteFile(Path("sys/module/nvidia_drm/parameters/modeset"), "N\n");
  EXPECT_EQ(Run("release").exit_status, 0);
  EXPECT_EQ(Calls(), "");
}

// What hangs in the kernel can be ended by nobody. A FIFO that nobody reads hangs alike.
TEST_F(ActionsTest, ARemovalThatHangsDoesNotTakeTheActionAlong) {
  std::filesystem::create_directories(Path("sys/bus/pci/devices/0000:01:00.0"));
  const std::string remove = Path("sys/bus/pci/devices/0000:01:00.0/remove").string();
  ASSERT_EQ(mkfifo(remove.c_str(), 0600), 0);
  EXPECT_EQ(Rescan({kGpuAddress}).exit_status, 7);
  EXPECT_FALSE(Rescanned()) << "a rescan would wait for the removal";
  EXPECT_EQ(Calls(), "stop\n") << "NVIDIA's programs would wait for it, too";
  const int reader = open(remove.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // lets it go
  ASSERT_GE(reader, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  close(reader);
}

TEST_F(ActionsTest, PersistenceModeIsAsBefore) {
  SetPersistence("00000000:01:00.0, Enabled\n00000000:C1:00.0, Enabled");
  EXPECT_EQ(Rescan({}).exit_status, 0) << "a mode that cannot be set is no reason to fail";
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
  std::filesystem::remove(Path("calls"));
  SetDaemon("inactive");
  SetPersistence("00000000:01:00.0, Disabled\n00000000:C1:00.0, Enabled");
  EXPECT_EQ(Rescan({}).exit_status, 0);
  EXPECT_EQ(Calls(), "-pm 0\n-i 00000000:C1:00.0 -pm 1\n");
}

TEST_F(ActionsTest, WhatIsReleasedForAnUnplugIsRestoredAfterIt) {
  SetPersistence("00000000:01:00.0, Disabled\n00000000:C1:00.0, Enabled");
  const ChildResult result = Run("release");
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(Calls(), "stop\n-pm 0\n");
  std::filesystem::remove(Path("calls"));
  const std::vector<std::string> released = ReleasedWords(result.output);
  EXPECT_THAT(released, ElementsAre("nvidia:daemon", "nvidia:persistent:00000000:C1:00.0"));
  EXPECT_EQ(Run("restore", released).exit_status, 0);
  EXPECT_EQ(Calls(), "start\n-i 00000000:C1:00.0 -pm 1\n");
}

// As where the suite was interrupted, or its connection broke: nobody gets the words that restore.sh needs.
TEST_F(ActionsTest, WhatWasReleasedForSomebodyWhoHasGoneAwayIsRestored) {
  SetPersistence("00000000:01:00.0, Enabled");
  RunProgram({"sh", "-c", "sh " + Script("release") + " | :"});
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
  std::filesystem::remove(Path("calls"));
  AddProcess(4711, "python3", {"/dev/nvidia0"});
  RunProgram({"sh", "-c", "sh " + Script("rescan") + " 2>&1 | :"});
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
}

TEST_F(ActionsTest, AllGpusTakeOneCallToRestore) {
  SetDaemon("inactive");
  SetPersistence("00000000:01:00.0, Enabled\n00000000:C1:00.0, Enabled");
  const std::vector<std::string> released = ReleasedWords(Run("release").output);
  std::filesystem::remove(Path("calls"));
  EXPECT_EQ(Run("restore", released).exit_status, 0);
  EXPECT_EQ(Calls(), "-pm 1\n");
}

TEST_F(ActionsTest, AReleaseThatFindsAHolderChangesNothing) {
  SetPersistence("00000000:01:00.0, Enabled");
  AddProcess(4711, "python3", {"/dev/nvidia0"});
  const ChildResult result = Run("release");
  EXPECT_EQ(result.exit_status, kGpusAreHeld);
  EXPECT_EQ(result.output, "python3 (PID 4711)\n");
  EXPECT_EQ(Calls(), "stop\n-pm 0\nstart\n-pm 1\n");
}

TEST_F(ActionsTest, ANodeWithoutNvidiasPrograms) {
  SetDaemon("unknown");
  WriteFile(Path("bin/nvidia-smi"), "#!/bin/sh\nexit 127\n", 0755);
  const ChildResult result = Run("release");
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(ReleasedWords(result.output), IsEmpty());
  EXPECT_EQ(Calls(), "");
}

TEST_F(ActionsTest, NothingThatANodePrintsBecomesACommand) {
  EXPECT_THAT(ReleasedWords("nvidia:daemon;reboot\nnvidia:persistent:$(reboot)\nnvidia:a b\nnvidia:'\nreboot\n" +
                            std::string(1000, 'a') + ":b\n"),
              IsEmpty());
}

TEST_F(ActionsTest, IdentityIsWhatTheKernelSays) {
  std::filesystem::create_directories(Path("proc/sys/kernel/random"));
  WriteFile(Path("proc/sys/kernel/random/boot_id"), "b0\n");
  EXPECT_EQ(Run("identity").output, "boot_id: b0\nproduct_uuid: \n");
  std::filesystem::create_directories(Path("sys/class/dmi/id"));
  WriteFile(Path("sys/class/dmi/id/product_uuid"), "DFE2\n");
  EXPECT_EQ(Run("identity").output, "boot_id: b0\nproduct_uuid: DFE2\n");
}

TEST_F(ActionsTest, DriversHaveToBeThereForEachFunction) {
  EXPECT_EQ(Run("drivers", {kGpuAddress}).exit_status, 1);
  std::filesystem::create_directories(Path("sys/bus/pci/devices/0000:01:00.0/driver"));
  EXPECT_EQ(Run("drivers", {kGpuAddress}).exit_status, 0);
  EXPECT_EQ(Run("drivers", {kGpuAddress, "0000:02:00.0"}).exit_status, 1);
}

TEST_F(ActionsTest, RebootIsAskedForAfterTheActionHasReturned) {
  WriteFile(Path("bin/reboot"), "#!/bin/sh\necho reboot >>" + Path("calls").string() + "\n", 0755);
  WriteFile(Path("bin/sleep"), "#!/bin/sh\nexec /bin/sleep 0.2\n", 0755);
  const ChildResult result = RunProgram(
      {"sh", "-c", "sh \"$0\" && echo \"returned, $(cat \"$1\" 2>&1)\" && until [ -s \"$1\" ]; do sleep 1; done",
       Script("reboot"), Path("calls").string()});
  EXPECT_THAT(result.output, AllOf(HasSubstr("returned"), Not(HasSubstr("reboot\n"))));
  EXPECT_EQ(Calls(), "reboot\n");
}

}  // namespace
}  // namespace passthrough
