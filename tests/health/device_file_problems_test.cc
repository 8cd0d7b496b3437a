#include "helpers/health/nvidia/device_file_problems.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Device(const std::string& name, int major, int minor, const std::string& mode = "crw-rw-rw-",
                   const std::string& error = "") {
  return fmt::format("file: /dev/{}\nmode: {}\nuid: 0\ngid: 44\ndevice: {} {}\n{}\n", name, mode, major, minor,
                     error.empty() ? "opens: yes" : "opens: no\nopen_error: " + error);
}

std::string Other(const std::string& name, const std::string& mode, const std::string& more = "") {
  return fmt::format("file: /dev/{}\nmode: {}\nuid: 0\ngid: 0\n{}", name, mode, more);
}

DeviceFilesEvidence Files(const std::string& files) {
  return DeviceFilesEvidence::Parse(
      "user_id: 1000\nmajor: 195 nvidia\nmajor: 509 nvidia-uvm\nmajor: 510 nvidia-caps\n" + files +
          "end: device_files\n",
      "d.txt");
}

const Finding& Only(const Findings& findings) {
  EXPECT_EQ(findings.size(), 1u);
  return findings.at(0);
}

TEST(DeviceFileProblemsTest, HealthyFiles) {
  const DeviceFilesEvidence files =
      Files(Device("nvidia0", 195, 0) + Device("nvidia1", 195, 1) + Device("nvidiactl", 195, 255) +
            Device("nvidia-modeset", 195, 254) + Device("nvidia-uvm", 509, 0) + Device("nvidia-uvm-tools", 509, 1) +
            Other("nvidia-caps", "drwxr-xr-x") +
            Device("nvidia-caps/nvidia-cap1", 510, 1, "cr--------", "Permission denied"));
  EXPECT_THAT(ControlDeviceProblems(files), IsEmpty());
  EXPECT_THAT(GpuDeviceProblems(files, 2, {{"0000:01:00.0", 0}, {"0000:02:00.0", 1}}), IsEmpty());
  EXPECT_THAT(UvmDeviceProblems(files), IsEmpty());
  EXPECT_THAT(OpenProblems(files), IsEmpty());
}

// Each kind of file with the advice that mends it.
TEST(DeviceFileProblemsTest, NoDeviceInItsPlace) {
  struct Case {
    const char* mode;
    const char* more;
    const char* found;
    const char* advice;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"-rw-rw-rw-", "", "is a regular file, expected", "Remove it and let nvidia-modprobe"},
           {"drwxr-xr-x", "", "is a directory, expected", "Remove the directory"},
           {"lrwxrwxrwx", "link: nvidia7\nlink_error: Too many levels of symbolic links\n",
            "is a symbolic link to nvidia7, which leads to no device (Too many levels", "Remove the link"},
           {"lrwxrwxrwx", "link: nvidiactl\nopens: yes\n", "is a symbolic link to nvidiactl, expected",
            "Remove the link"},
           {"prw-rw-rw-", "", "is a named pipe, expected", "make it anew"}}) {
    const DeviceFilesEvidence files = Files(Other("nvidia0", one.mode, one.more));
    const Finding place = Only(GpuDeviceProblems(files, 1, {}));
    EXPECT_THAT(place.found, HasSubstr(one.found));
    EXPECT_THAT(place.advice, HasSubstr(one.advice));
    EXPECT_EQ(place.where, "d.txt:5");
    EXPECT_FALSE(place.note);
    const bool opens = std::string_view(one.more).find("opens: yes") != std::string_view::npos;
    const Findings open = OpenProblems(files);
    ASSERT_EQ(open.size(), opens ? 0u : 1u) << one.mode;
    if (opens) continue;
    EXPECT_THAT(open[0].found, HasSubstr("user 1000 finds no device at /dev/nvidia0"));
    EXPECT_THAT(open[0].advice, HasSubstr(one.advice));
    EXPECT_THAT(open[0].advice, testing::Not(HasSubstr("group")));
  }
}

TEST(DeviceFileProblemsTest, NumbersOfAnotherDevice) {
  const Finding major = Only(GpuDeviceProblems(Files(Device("nvidia0", 1, 3)), 1, {}));
  EXPECT_THAT(major.found, HasSubstr("is device 1:3, expected 195:0"));
  EXPECT_THAT(major.advice, HasSubstr("Its major number is not that of the driver"));
  const Finding minor = Only(GpuDeviceProblems(Files(Device("nvidia0", 195, 7)), 1, {}));
  EXPECT_THAT(minor.found, HasSubstr("is device 195:7, expected 195:0"));
  EXPECT_THAT(minor.advice, HasSubstr("Its minor number"));
  const Finding twice = Only(GpuDeviceProblems(Files(Device("nvidia0", 195, 0) + Device("nvidia1", 195, 0)), 2, {}));
  EXPECT_THAT(twice.found, HasSubstr("/dev/nvidia1 is device 195:0, as /dev/nvidia0 is, expected 195:1"));
  const Finding control = Only(ControlDeviceProblems(Files(Device("nvidiactl", 195, 0))));
  EXPECT_THAT(control.found, HasSubstr("/dev/nvidiactl is device 195:0, expected 195:255"));
  EXPECT_THAT(Only(UvmDeviceProblems(Files(Device("nvidia-uvm", 508, 0)))).found, HasSubstr("expected 509:0"));
}

TEST(DeviceFileProblemsTest, AFileForEachOfTheDriversGpus) {
  const DeviceFilesEvidence files = Files(Device("nvidia1", 195, 1));
  EXPECT_THAT(Only(GpuDeviceProblems(files, 1, {{"0000:01:00.0", 0}})).found,
              HasSubstr("/dev/nvidia0 is missing, which the driver has for GPU 0000:01:00.0"));
  EXPECT_THAT(GpuDeviceProblems(files, 1, {{"0000:01:00.0", 1}}), IsEmpty());
  EXPECT_THAT(GpuDeviceProblems(files, 1, {}), IsEmpty()) << "nvidia-smi does not say";
  EXPECT_THAT(Only(GpuDeviceProblems(files, 2, {{"0000:01:00.0", 0}, {"0000:02:00.0", 1}})).found,
              HasSubstr("1 device files of GPUs: /dev/nvidia1, expected 2"));
}

TEST(DeviceFileProblemsTest, WhyAUserCannotOpenIt) {
  const auto advice = [](const std::string& mode, const std::string& error) {
    return Only(OpenProblems(Files(Device("nvidia0", 195, 0, mode, error)))).advice;
  };
  EXPECT_THAT(advice("crw-rw----", "Permission denied"), HasSubstr("Add the user to the group that owns it (id 44)"));
  EXPECT_THAT(advice("crw-------", "Permission denied"), HasSubstr("NVreg_DeviceFileMode"));
  EXPECT_THAT(advice("crw-r--r--", "Permission denied"), HasSubstr("NVreg_DeviceFileMode"));
  EXPECT_THAT(advice("crw-rw-rw-", "Permission denied"), HasSubstr("nodev"));
  EXPECT_THAT(advice("crw-rw-rw-", "Operation not permitted"), HasSubstr("DevicePolicy"));
  for (const char* gone : {"No such device", "No such device or address", "nonexistent directory"}) {
    EXPECT_THAT(advice("crw-rw-rw-", gone), HasSubstr("No driver answers for device 195:0")) << gone;
  }
  EXPECT_THAT(advice("crw-rw-rw-", "Input/output error"), HasSubstr("cannot start the GPU"));
  EXPECT_THAT(advice("crw-rw-rw-", "Device or resource busy"), HasSubstr("fuser"));
}

TEST(DeviceFileProblemsTest, WhatFewProgramsUseIsWorthANote) {
  const Findings control = ControlDeviceProblems(Files(
      Device("nvidiactl", 195, 255) + Device("nvidia-modeset", 195, 253) + Device("nvidia-caps/nvidia-cap1", 236, 1)));
  ASSERT_EQ(control.size(), 2u);
  EXPECT_TRUE(control[0].note && control[1].note);
  EXPECT_THAT(Texts(control), ElementsAre(HasSubstr("nvidia-modeset is device 195:253, expected 195:254"),
                                          HasSubstr("nvidia-cap1 is device 236:1, expected 510:1")));
  EXPECT_TRUE(
      Only(ControlDeviceProblems(Files(Device("nvidiactl", 195, 255) + Other("nvidia-caps", "-rw-r--r--")))).note);
  EXPECT_TRUE(Only(UvmDeviceProblems(Files(Device("nvidia-uvm", 509, 0) + Device("nvidia-uvm-tools", 509, 7)))).note);
}

TEST(DeviceFileProblemsTest, WhatIsMissing) {
  EXPECT_THAT(Only(ControlDeviceProblems(Files(""))).found, HasSubstr("/dev/nvidiactl is missing"));
  EXPECT_THAT(Only(UvmDeviceProblems(Files(""))).found,
              HasSubstr("/dev/nvidia-uvm is missing, though the module is loaded"));
  EXPECT_THAT(Only(OpenProblems(Files(""))).found, HasSubstr("there is no device file"));
  const DeviceFilesEvidence unloaded = DeviceFilesEvidence::Parse(
      "user_id: 0\n" + Device("nvidia0", 195, 0) + Device("nvidia-uvm", 509, 0) + "end: device_files\n", "d.txt");
  EXPECT_THAT(Only(GpuDeviceProblems(unloaded, 1, {})).found, HasSubstr("no driver has registered for it"));
  EXPECT_THAT(UvmDeviceProblems(unloaded), IsEmpty()) << "left by an unloaded module";
}

TEST(DeviceFileProblemsTest, WhoMayOpenAFileIsNoGpusBusiness) {
  const auto explains = [](const char* error) {
    return Only(OpenProblems(Files(Device("nvidia0", 195, 0, "crw-------", error)))).explains;
  };
  EXPECT_EQ(explains("Permission denied"), Explains::kItself);
  EXPECT_EQ(explains("Operation not permitted"), Explains::kItself);
  EXPECT_EQ(explains("Input/output error"), Explains::kNothing);
  EXPECT_EQ(explains("No such device or address"), Explains::kNothing);
}

}  // namespace
}  // namespace passthrough
