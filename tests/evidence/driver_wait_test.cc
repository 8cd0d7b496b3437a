#include "helpers/evidence/driver_wait.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

// On directories that stand for /sys and /proc, with a sleep that counts and does what a test says.
class DriverWaitTest : public testing::Test {
 protected:
  DriverWaitTest() {
    std::filesystem::create_directories(Path("bin"));
    WriteFile(Path("sleeps"), "");
    OnSleep("");
    SetUptime("12.34");
    AddFunction("0000:00:00.0", "0x8086", "0x060000");
    AddFunction("0000:01:00.1", "0x10de", "0x040300");
  }
  std::filesystem::path Path(const std::string& name) const { return node_.path() / name; }
  std::filesystem::path Function(const std::string& address) const { return Path("bus/pci/devices/" + address); }
  void AddFunction(const std::string& address, const std::string& vendor, const std::string& device_class) {
    std::filesystem::create_directories(Function(address));
    WriteFile(Function(address) / "vendor", vendor + "\n");
    WriteFile(Function(address) / "class", device_class + "\n");
  }
  void AddGpu(const std::string& address = "0000:01:00.0") { AddFunction(address, "0x10de", "0x030200"); }
  void SetUptime(const std::string& seconds) { WriteFile(Path("uptime"), seconds + " 5.00\n"); }
  void OnSleep(const std::string& commands) {
    WriteFile(Path("bin/sleep"), "#!/bin/sh\necho >>" + Path("sleeps").string() + "\n" + commands + "\n", 0755);
  }
  std::string Run() {
    LocalShell shell;
    shell.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    const ExecResult result = ExecHere(shell, DriverWaitCommand(node_.path().string(), node_.path().string()), {},
                                       Deadline::After(std::chrono::minutes(1)));
    EXPECT_EQ(result.exit_status, 0);
    return std::string(Trim(result.output));
  }
  size_t Sleeps() const { return ReadFile(Path("sleeps")).size(); }

  const TemporaryDirectory node_{"driver-wait"};
};

TEST_F(DriverWaitTest, ANodeWhoseGpusHaveADriverIsNotWaitedFor) {
  AddGpu();
  std::filesystem::create_directory(Function("0000:01:00.0") / "driver");
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_F(DriverWaitTest, NorOneWithoutGpu) {
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_F(DriverWaitTest, NorOneThatIsUpForLong) {
  AddGpu();
  SetUptime("60.02");
  EXPECT_EQ(Run(), "");
  SetUptime("123456.78");
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

TEST_F(DriverWaitTest, ADriverThatComesLaterIsWaitedFor) {
  AddGpu();
  AddGpu("0000:02:00.0");
  std::filesystem::create_directory(Function("0000:01:00.0") / "driver");
  OnSleep("[ $(wc -l <" + Path("sleeps").string() + ") -lt 3 ] || mkdir " + Function("0000:02:00.0").string() +
          "/driver");
  EXPECT_EQ(Run(), "waited");
  EXPECT_EQ(Sleeps(), 3u);
}

TEST_F(DriverWaitTest, ADriverThatNeverComesIsGivenUp) {
  AddGpu();
  EXPECT_EQ(Run(), "no driver");
  EXPECT_EQ(Sleeps(), 30u);
}

TEST_F(DriverWaitTest, AProcOfAnotherKindIsNoReasonToWait) {
  AddGpu();
  std::filesystem::remove(Path("uptime"));
  EXPECT_EQ(Run(), "");
  EXPECT_EQ(Sleeps(), 0u);
}

}  // namespace
}  // namespace passthrough
