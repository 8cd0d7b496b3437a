// Every file of accepted/ is read, and has beside it, as NAME.expected, what becomes of it: the nodes with the names
// that ai-how gives them, the notes, and what ai-how refuses of it. To add a case, write the YAML file, run this test
// once with PASSTHROUGH_WRITE_EXPECTED=1 in the environment, and read what it wrote.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/config/cluster_file.h"
#include "helpers/config/plan.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = PASSTHROUGH_SOURCE_DIR;

std::vector<std::string> AcceptedIn(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string AcceptedName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string WithoutDirectory(std::string text, const fs::path& file) {
  const std::string name = file.string();
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
    text.replace(at, name.size(), "FILE");
  }
  return text;
}

std::string Described(const fs::path& file) {
  const Plan plan = MakePlan(LoadClusterFile(file, [](const std::string& name) {
    if (name == "TOT") return std::optional<std::string>("/home/user/project");
    return name == "HOME" ? std::optional<std::string>("/home/user") : std::nullopt;
  }));
  std::string text;
  for (const PlannedNode& node : plan.nodes) {
    text +=
        fmt::format("{} {}{}", node.domain_names.front(), node.address.value_or("DHCP"), node.auto_start ? "" : " off");
    for (const PlannedDevice& device : node.devices) {
      text += fmt::format(" {}={}", device.host_address.ToString(), ToString(device.type));
    }
    text += "\n";
  }
  for (const std::string& note : plan.notes) text += fmt::format("note: {}\n", note);
  for (const std::string& refused : plan.ai_how_refuses) text += fmt::format("ai-how: {}\n", refused);
  return WithoutDirectory(text, file);
}

class AcceptedClusterFileTest : public testing::TestWithParam<std::string> {};

TEST_P(AcceptedClusterFileTest, IsReadWithTheNamesThatAiHowGives) {
  const fs::path file = kSource / "tests/config/accepted" / (GetParam() + ".yaml");
  const fs::path expected = fs::path(file).replace_extension(".expected");
  const std::string described = Described(file);
  if (std::getenv("PASSTHROUGH_WRITE_EXPECTED") != nullptr) {
    WriteFile(expected, described);
    GTEST_SKIP() << "wrote " << expected << ": read it";
  }
  EXPECT_EQ(described, ReadFile(expected)) << file;
}

INSTANTIATE_TEST_SUITE_P(Corpus, AcceptedClusterFileTest,
                         testing::ValuesIn(AcceptedIn(kSource / "tests/config/accepted")), AcceptedName);

class ShippedClusterFileTest : public testing::TestWithParam<std::string> {};

TEST_P(ShippedClusterFileTest, IsTakenByTheSuiteAndByAiHowWithoutAWord) {
  const Plan plan = MakePlan(LoadClusterFile(kSource / "configs" / (GetParam() + ".yaml")));
  EXPECT_THAT(plan.notes, testing::IsEmpty());
  EXPECT_THAT(plan.ai_how_refuses, testing::IsEmpty());
  // What ai-how's Packer builds today.
  for (const PlannedNode& node : plan.nodes) {
    EXPECT_THAT(node.base_image_path, testing::AnyOf("build/packer/hpc-compute/hpc-compute/hpc-compute.qcow2",
                                                     "build/packer/cloud-base/cloud-base/cloud-base.qcow2"));
  }
}

INSTANTIATE_TEST_SUITE_P(Configs, ShippedClusterFileTest, testing::ValuesIn(AcceptedIn(kSource / "configs")),
                         AcceptedName);

}  // namespace
}  // namespace passthrough
