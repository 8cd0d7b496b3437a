#include "helpers/health/nvidia/driver_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModulesEvidence Modules(const std::string& facts) {
  return ModulesEvidence::Parse("kernel_release: 6.1\n" + facts + "end: modules\n", "m.txt");
}

TEST(DriverVersions, TheModuleOnDisk) {
  const auto problems = [](const std::string& facts) { return Texts(DiskVersionProblems(Modules(facts))); };
  const std::string loaded = "loaded_nvidia_version: 535.54.03\n";
  EXPECT_THAT(problems(loaded + "disk_file: /n.ko\ndisk_version: 550.1\n"),
              ElementsAre(HasSubstr("the loaded module nvidia is 535.54.03, the one on disk is 550.1")));
  EXPECT_THAT(problems(loaded + "disk_version: 535.54.03\n"), IsEmpty());
  EXPECT_THAT(problems(loaded + "disk_error: modinfo: ERROR: Module nvidia not found.\n"), IsEmpty());
  EXPECT_THAT(problems("disk_version: 535.54.03\n"), IsEmpty());
  EXPECT_THAT(problems(loaded + "driver_version_text: NVRM version: NVIDIA UNIX Module 550.1 x\n"),
              ElementsAre(HasSubstr("/proc/driver/nvidia/version says 550.1")));
}

TEST(DriverVersions, LibraryAndTool) {
  const auto problems = [](const std::string& facts, const std::string& smi, const std::string& driver) {
    NvidiaSmiTable table;
    table.path = "t.txt";
    table.smi_version = smi;
    table.driver_version = driver;
    return Texts(UserspaceVersionProblems(Modules(facts), table));
  };
  const std::string loaded = "loaded_nvidia_version: 535.54.03\n";
  const std::string library = "library_file: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.";
  EXPECT_THAT(problems(loaded + library + "535.54.03\n", "535.54.03", "535.54.03"), IsEmpty());
  EXPECT_THAT(problems(loaded + library + "550.1\n", "535.54.03", "535.54.03"),
              ElementsAre(HasSubstr("the library /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.1 is of "
                                    "release 550.1, the loaded module nvidia is 535.54.03")));
  EXPECT_THAT(problems(loaded, "550.1", "535.54.03"), ElementsAre(HasSubstr("nvidia-smi is of release")));
  EXPECT_THAT(problems(loaded, "", ""), IsEmpty());
  EXPECT_THAT(problems("", "535.54.03", "535.54.03"), IsEmpty());
  EXPECT_THAT(problems(loaded + "library_file: /usr/lib/libnvidia-ml.so.1\n", "", ""), IsEmpty());
}

}  // namespace
}  // namespace passthrough
