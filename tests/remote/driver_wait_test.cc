// remote/probes/driver_wait.sh, on directories that stand for a node's.
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

const std::filesystem::path kScript = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote/probes/driver_wait.sh";

// On directories that stand for /sys and /proc, with a sleep that counts and does what a test says, under the shell of
// the parameter.
class DriverWaitTest : public testing::TestWithParam<std::string> {
 protected:
  DriverWaitTest() {
    std::filesystem::create_directories(Path("bin"));
    std::filesystem::create_directories(Path("proc"));
    WriteFile(Path("sleeps"), "");
    OnSleep("");
    SetUptime("12.34");
    AddFunction("0000:00:00.0", "0x8086", "0x060000");
    AddFunction("0000:01:00.1", "0x10de", "0x040300");
  }
  std::filesystem::path Path(const std::string& name) const { return node_.path() / name; }
  std::filesystem::path Function(const std::string& address) const { return Path("sys/bus/pci/devices/" + address); }
  void AddFunction(const std::string& address, const std::string& vendor, const std::string& device_class) {
    std::filesystem::create_directories(Function(address));
    WriteFile(Function(address) / "vendor", vendor + "\n");
    WriteFile(Function(address) / "class", device_class + "\n");
  }
  void AddGpu(const std::string& address = "0000:01:00.0", const std::string& vendor = "0x10de") {
    AddFunction(address, vendor, "0x030200");
  }
  void SetUptime(const std::string& seconds) { WriteFile(Path("proc/uptime"), seconds + " 5.00\n"); }
  void OnSleep(const std::string& commands) {
    WriteFile(Path("bin/sleep"), "#!/bin/sh\necho >>" + Path("sleeps").string() + "\n" + commands + "\n", 0755);
  }
  std::string Run() {
    LocalShell shell;
    shell.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    shell.environment["PROBE_ROOT"] = node_.path();
    const ExecResult result =
        ExecHere(shell, GetParam() + " '" + kScript.string() + "'", {}, Deadline::After(std::chrono::minutes(1)));
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.error_output, "");
    return std::string(Trim(result.output));
  }
  size_t Sleeps() const { return ReadFile(Path("sleeps")).size(); }

  const TemporaryDirectory node_{"driver-wait"};
};

TEST_P(DriverWaitTest, ANodeWhoseGpusHaveADriverIsNotWaitedFor) {
  AddGpu();
  std::filesystem::create_directory(Function("0000:01:00.0") / "driver");
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_P(DriverWaitTest, NorOneWithoutGpu) {
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_P(DriverWaitTest, NorOneThatIsUpForLong) {
  AddGpu();
  SetUptime("60.02");
  EXPECT_EQ(Run(), "");
  SetUptime("123456.78");
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_P(DriverWaitTest, ADriverThatComesLaterIsWaitedFor) {
  AddGpu();
  AddGpu("0000:02:00.0");
  std::filesystem::create_directory(Function("0000:01:00.0") / "driver");
  OnSleep("[ $(wc -l <" + Path("sleeps").string() + ") -lt 3 ] || mkdir " + Function("0000:02:00.0").string() +
          "/driver");
  EXPECT_EQ(Run(), "waited");
  EXPECT_EQ(Sleeps(), 3u);
}

TEST_P(DriverWaitTest, ADriverThatNeverComesIsGivenUp) {
  AddGpu();
  EXPECT_EQ(Run(), "no driver");
  EXPECT_EQ(Sleeps(), 30u);
}

TEST_P(DriverWaitTest, AGpuOfWhateverMakerIsWaitedFor) {
  AddGpu("0000:01:00.0", "0x1002");
  OnSleep("mkdir " + Function("0000:01:00.0").string() + "/driver");
  EXPECT_EQ(Run(), "waited");
  EXPECT_EQ(Sleeps(), 1u);
}

TEST_P(DriverWaitTest, AGpuMayBeAProcessingAccelerator) {
  AddFunction("0000:01:00.0", "0x1002", "0x120000");
  OnSleep("mkdir " + Function("0000:01:00.0").string() + "/driver");
  EXPECT_EQ(Run(), "waited");
}

// Of whoever makes no GPUs, nobody knows whether it has a driver at all.
TEST_P(DriverWaitTest, NoOtherProcessingAcceleratorIsWaitedFor) {
  AddFunction("0000:01:00.0", "0x1da3", "0x120000");
  EXPECT_EQ(Run(), "");
}

TEST_P(DriverWaitTest, ADisplayThatAHypervisorEmulatesNeedsNone) {
  int device = 1;
  for (const char* vendor : {"0x1013", "0x1234", "0x15ad", "0x1af4", "0x1b36"}) {
    AddGpu("0000:00:0" + std::to_string(device++) + ".0", vendor);
  }
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_P(DriverWaitTest, AFunctionThatVanishesMeanwhileIsNoReasonToWait) {
  AddGpu();
  std::filesystem::remove(Function("0000:01:00.0") / "class");
  EXPECT_EQ(Run(), "");
}

TEST_P(DriverWaitTest, AProcOfAnotherKindIsNoReasonToWait) {
  AddGpu();
  std::filesystem::remove(Path("proc/uptime"));
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shells, DriverWaitTest, testing::Values("dash", "bash"),
                         [](const testing::TestParamInfo<std::string>& shell) { return shell.param; });

}  // namespace
}  // namespace passthrough
