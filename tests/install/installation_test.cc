#include "tests/install/installation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string Installed(const std::string& path) { return ReadFile(Installation() / path); }

TEST(Installation, NamesNothingOfTheSourceTree) {
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Installation())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(ReadFile(entry.path()).find(PASSTHROUGH_SOURCE_DIR), std::string::npos) << entry.path();
  }
  EXPECT_GT(files, 60u);
}

TEST(Installation, ListsTheSameChecks) {
  const std::string source = PASSTHROUGH_BINARY_DIR "/bin/passthrough-suite";
  const ChildResult here = RunInstalled({"passthrough-suite", "--gtest_list_tests"});
  EXPECT_TRUE(here.Succeeded()) << here.output;
  EXPECT_EQ(here.output, RunInstalled({source, "--gtest_list_tests"}).output);
}

// What the lab's images are made of is the same, file by file, or they would be built once more.
TEST(Installation, HasTheSourcesRecipeOfImages) {
  const auto directory_of = [](const std::string& builder) {
    return RunInstalled({builder, "--cache", "/nowhere", "--print-dir"}).output;
  };
  const std::string installed =
      directory_of((Installation() / "share/pcie-passthrough-suite/lab/images/build.sh").string());
  EXPECT_THAT(installed, HasSubstr("/nowhere/images-"));
  EXPECT_EQ(installed, directory_of(PASSTHROUGH_SOURCE_DIR "/lab/images/build.sh"));
}

// Scripts that are run are programs; the workload is there to be sent.
TEST(Installation, CanRunWhatItRuns) {
  const fs::path data = Installation() / "share/pcie-passthrough-suite";
  for (const fs::path& program :
       {Installation() / "libexec/pcie-passthrough-suite/workload", data / "configs/deployers/ai-how.sh",
        data / "lab/images/build.sh", data / "lab/images/host/build.sh", data / "lab/images/node/build.sh"}) {
    EXPECT_EQ(access(program.c_str(), X_OK), 0) << program;
  }
  EXPECT_THAT(Installed("share/pcie-passthrough-suite/remote/run-all.sh"), HasSubstr("probe"));
}

TEST(Installation, MakesADirectoryForCtest) {
  TemporaryDirectory directory("ctest");
  const ChildResult made = RunInstalled({"passthrough-suite", "--ctest", directory.path().string()});
  EXPECT_TRUE(made.Succeeded()) << made.output;
  const ChildResult tests = RunInstalled({"ctest", "--test-dir", directory.path().string(), "-N"});
  EXPECT_TRUE(tests.Succeeded()) << tests.output;
  EXPECT_THAT(tests.output, HasSubstr("cluster.deploy"));
  EXPECT_THAT(tests.output, HasSubstr("DeviceFiles.OneForEachGpu/hpc_compute_01"));
  EXPECT_THAT(tests.output, HasSubstr("cluster.destroy"));
}

TEST(Installation, OfTheSuiteAloneSaysWhereTheLabIs) {
  TemporaryDirectory directory("suite");
  for (const char* part : {"share", "libexec"}) {
    fs::create_directory_symlink(Installation() / part, directory.path() / part);
  }
  fs::create_directory(directory.path() / "bin");
  const fs::path program = directory.path() / "bin/passthrough-suite";
  fs::copy_file(Installation() / "bin/passthrough-suite", program);
  const ChildResult result = RunInstalled({"env", "XDG_STATE_HOME=" + (directory.path() / "state").string(),
                                           program.string(), "--log-dir", (directory.path() / "logs").string()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("bin/passthrough-lab: no such program"));
  EXPECT_THAT(result.output, HasSubstr("the package pcie-passthrough-lab"));
  EXPECT_THAT(result.output, Not(HasSubstr("bringing the host")));
}

TEST(Installation, SaysWhereItLooksForItsFiles) {
  TemporaryDirectory directory("lonely");
  fs::create_directories(directory.path() / "bin");
  const fs::path program = directory.path() / "bin/passthrough-suite";
  fs::copy_file(Installation() / "bin/passthrough-suite", program);
  const ChildResult result = RunInstalled({program.string(), "--gtest_list_tests"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr((directory.path() / "share/pcie-passthrough-suite").string()));
}

}  // namespace
}  // namespace passthrough
