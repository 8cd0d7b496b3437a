// docs/manual.md and docs/lab.md, run in a lab from the first command to the last, as they stand there.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/docs/markdown.h"
#include "tests/end_to_end/lab_cluster.h"
#include "tests/suites/written_files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

// The blocks of shell of docs/`page` as one script, so that variables live on. Those that say where they belong ("sh on
// a real host") are left out.
std::string AsScript(const std::string& page) {
  std::string script = "set -euo pipefail\nPATH=$PWD/build/bin:$PATH\n";
  for (const FencedBlock& block : ReadDocument(fs::path(PASSTHROUGH_SOURCE_DIR) / "docs" / page).blocks) {
    if (block.info != "sh") continue;
    script += fmt::format("echo '=== {}:{} ==='\n{}", page, block.line, block.text);
  }
  return script;
}

class ManualTest : public testing::Test {
 protected:
  // A project's directory in which logs/ is the test's own.
  ManualTest() {
    for (const char* name : {"configs", "remote"}) {
      fs::create_directory_symlink(fs::path(PASSTHROUGH_SOURCE_DIR) / name, project_.path() / name);
    }
    fs::create_directory_symlink(PASSTHROUGH_BINARY_DIR, project_.path() / "build");
  }
  ~ManualTest() override { RunChild({LabProgramOfTests().string(), "down"}, Options(), Limit()); }

  ChildOptions Options() const {
    ChildOptions options;
    options.working_directory = project_.path();
    options.environment = {{"PASSTHROUGH_LAB_DIR", lab_.path().string()},
                           {"XDG_STATE_HOME", (project_.path() / "state").string()}};
    options.most_kept = 4u << 20;
    return options;
  }
  static Deadline Limit() { return Deadline::After(std::chrono::minutes(25)); }

  TemporaryDirectory project_{"manual"};
  TemporaryDirectory lab_{"lab"};
};

TEST_F(ManualTest, EachCommandWorksInItsPlace) {
  WriteFile(project_.path() / "manual.sh", AsScript("manual.md"));
  // The lab's key is there while the lab is up.
  std::vector<std::string> secrets;
  ChildOptions options = Options();
  options.on_line = [&](std::string_view) {
    if (!secrets.empty() || !fs::exists(lab_.path() / "ssh_config")) return;
    const std::string config = ReadFile(lab_.path() / "ssh_config");
    const size_t begin = config.find("IdentityFile \"") + 14;
    secrets = SecretLines(config.substr(begin, config.find('"', begin) - begin));
  };
  const ChildResult result = RunChild({"bash", "manual.sh"}, options, Limit());
  ASSERT_EQ(result.exit_status, 0) << result.output;

  // What it says on the way.
  EXPECT_THAT(result.output, HasSubstr("checks, all passed"));
  EXPECT_THAT(result.output, HasSubstr("Kernel driver in use: nvidia"));
  EXPECT_THAT(result.output, HasSubstr("<name>vfio-pci</name>"));
  EXPECT_THAT(result.output, HasSubstr("everything is gone"));
  EXPECT_THAT(result.output, HasSubstr("no teardown is pending"));
  EXPECT_THAT(result.output, HasSubstr("Domain 'test-hpc-pcie-minimal-compute-01' has been undefined"));
  EXPECT_THAT(result.output, HasSubstr("Device pci_0000_01_00_0 re-attached"));
  EXPECT_FALSE(fs::exists(lab_.path() / "ssh_config")) << "the lab is still up";

  // Real runs with a real key: it is named, and that is all.
  ASSERT_FALSE(secrets.empty());
  EXPECT_THAT(FilesWith(project_.path() / "logs", secrets), IsEmpty());
  EXPECT_EQ(result.output.find(secrets.front()), std::string::npos);
  size_t runs = 0;
  for (const auto& run : fs::directory_iterator(project_.path() / "logs")) {
    if (run.is_symlink()) continue;
    ++runs;
    EXPECT_THAT(OpenToOthers(run.path()), IsEmpty());
  }
  EXPECT_GE(runs, 4u);
  // What actions/upload-artifact refuses in a name, on any system.
  for (const auto& entry : fs::recursive_directory_iterator(project_.path() / "logs")) {
    EXPECT_EQ(entry.path().filename().string().find_first_of("\":<>|*?\r\n"), std::string::npos) << entry.path();
  }
}

using LabPageTest = ManualTest;

TEST_F(LabPageTest, EachCommandWorksInItsPlace) {
  WriteFile(project_.path() / "lab.sh", AsScript("lab.md"));
  const ChildResult result = RunChild({"bash", "lab.sh"}, Options(), Limit());
  ASSERT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("checks, all passed"));
  EXPECT_THAT(result.output, HasSubstr("Kernel driver in use: nvidia"));
  EXPECT_THAT(result.output, HasSubstr("everything is gone"));
  EXPECT_FALSE(fs::exists(lab_.path() / "ssh_config")) << "the lab is still up";
}

}  // namespace
}  // namespace passthrough
