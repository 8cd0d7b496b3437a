// Where create and destroy deploy, and what they advise: the commands that they print name the same place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "lab/host/commands.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kConfig = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/test-pcie-passthrough-minimal.yaml";

class DeployCommandsTest : public testing::Test {
 protected:
  // What `run` says where the options name a place; fails where it succeeds.
  static std::string MessageOf(int (*run)(const CommandLine&), const std::map<std::string, std::string>& options) {
    CommandLine line;
    for (const auto& [name, value] : options) line.options[name] = {value};
    line.arguments = {kConfig};
    try {
      run(line);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "it succeeded";
    return {};
  }

  std::string Path(const std::string& name) const { return (directory_.path() / name).string(); }

  TemporaryDirectory directory_{"deploy-commands"};
};

TEST_F(DeployCommandsTest, CreateWithoutALabSaysHowToStartOne) {
  EXPECT_THAT(MessageOf(RunCreate, {{"--lab-dir", Path("lab")}}),
              AllOf(HasSubstr("no lab is up in " + Path("lab")),
                    HasSubstr("passthrough-lab up --lab-dir " + Path("lab") + " " + kConfig)));
}

TEST_F(DeployCommandsTest, DestroyWithoutALabNamesOtherPlaces) {
  for (const auto& options : {std::map<std::string, std::string>{{"--lab-dir", Path("lab")}},
                              std::map<std::string, std::string>{{"--facts", Path("lab/facts.yaml")}}}) {
    EXPECT_THAT(MessageOf(RunDestroy, options),
                AllOf(HasSubstr("no lab is up in " + Path("lab")), HasSubstr("--connect URI"),
                      HasSubstr("--facts FILE"), HasSubstr("--lab-dir DIR"), Not(HasSubstr("passthrough-lab up"))));
  }
}

TEST_F(DeployCommandsTest, TheAdviceNamesTheSamePlace) {
  WriteFile(Path("node.xml"),
            "<node><network><name>test-hpc-pcie-minimal-network</name><bridge name='virbr9'/></network></node>");
  const std::string uri = "test://" + Path("node.xml");
  EXPECT_THAT(MessageOf(RunCreate, {{"--connect", uri}}),
              HasSubstr("passthrough-lab destroy --force --connect " + uri + " " + kConfig + "\n"));
  WriteFile(Path("facts.yaml"), "version: \"1.0\"\nlibvirt:\n  uri: \"" + uri + "\"\n");
  WriteFile(Path("deployer.json"), R"({"base_volume": {"pool": "p", "volume": "v"}, "impersonate": true,
      "scale": {"memory_mib": 256, "cpus": 1}, "gpu_rom": false, "emulated_cpu": {"model": "", "features": []}})");
  EXPECT_THAT(MessageOf(RunCreate, {{"--facts", Path("facts.yaml")}}),
              HasSubstr("destroy --force --facts " + Path("facts.yaml") + " " + kConfig + "\n"));
  const std::string lab = directory_.path().string();
  EXPECT_THAT(MessageOf(RunCreate, {{"--lab-dir", lab}}),
              HasSubstr("destroy --force --lab-dir " + lab + " " + kConfig + "\n"));
}

}  // namespace
}  // namespace passthrough
