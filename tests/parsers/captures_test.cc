// The parsers of nvidia-smi's output on what real GPUs gave.
#include "tests/parsers/captures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Each line that the parser names must be the one that it names.
void ExpectLinesAreRight(const NvidiaSmiXml& xml, const std::string& text) {
  std::vector<std::string_view> lines = SplitLines(text);
  auto line = [&lines](int number) { return std::string(lines.at(static_cast<size_t>(number - 1))); };
  EXPECT_THAT(line(xml.attached_gpus_line), HasSubstr("<attached_gpus>"));
  EXPECT_THAT(line(xml.driver_version_line), HasSubstr(xml.driver_version));
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    EXPECT_THAT(line(gpu.line), HasSubstr("<gpu id="));
    for (const NvidiaSmiField& field : gpu.fields) {
      std::string name = field.path.substr(field.path.rfind('/') + 1);
      EXPECT_THAT(line(field.line), HasSubstr("<" + name + ">")) << field.path;
    }
  }
}

TEST(Captures, XmlOfEachSchema) {
  std::vector<std::filesystem::path> files = CaptureFiles("nvidia-smi-xml");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.filename());
    const std::string text = ReadFile(file);
    NvidiaSmiXml xml = NvidiaSmiXml::Parse(text, "nvidia_smi_xml.txt");
    EXPECT_GE(xml.schema_version, 11);
    EXPECT_LE(xml.schema_version, 13);
    EXPECT_THAT(xml.driver_version, testing::MatchesRegex("[0-9]+\\.[0-9.]+"));
    ASSERT_FALSE(xml.gpus.empty());
    for (const NvidiaSmiGpu& gpu : xml.gpus) {
      ASSERT_NE(gpu.Find("pci/pci_bus_id"), nullptr);
      EXPECT_EQ(PciAddress::Parse(gpu.Find("pci/pci_bus_id")->text), gpu.bus_id);
      EXPECT_EQ(gpu.bus_id.domain, 0u);
      EXPECT_THAT(gpu.uuid, testing::StartsWith("GPU-"));
      EXPECT_NE(gpu.product_name, "");
      EXPECT_GT(gpu.fields.size(), 50u);
    }
    for (const NvidiaSmiFieldProblem& problem : xml.Problems()) {
      ADD_FAILURE() << "a healthy GPU's " << problem.field->path << ": " << problem.field->text;
    }
    ExpectLinesAreRight(xml, text);
  }
}

TEST(Captures, XmlTellsMoreGpusThanTheFileHas) {
  for (const std::filesystem::path& file : CaptureFiles("nvidia-smi-xml")) {
    if (file.filename() != "a100-sxm4-v12.xml") continue;
    // Somebody cut it to one of four; the parser keeps both counts for a check to compare.
    NvidiaSmiXml xml = NvidiaSmiXml::Parse(ReadFile(file), "a.xml");
    EXPECT_EQ(xml.attached_gpus, 4);
    EXPECT_EQ(xml.gpus.size(), 1u);
    EXPECT_EQ(xml.gpus[0].minor_number, 1);
    return;
  }
  GTEST_SKIP() << NoCaptures();
}

TEST(Captures, TableOfEachMachine) {
  std::vector<std::filesystem::path> files = CaptureFiles("nvidia-smi-text");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.filename());
    std::map<std::string, std::string> sections = CaptureSections(ReadFile(file));
    NvidiaSmiTable table = NvidiaSmiTable::Parse(sections.at("nvidia-smi"), "nvidia_smi.txt");
    EXPECT_TRUE(table.has_table);
    EXPECT_THAT(sections.at("nvidia-smi --version"), HasSubstr("DRIVER version      : " + table.driver_version + "\n"));
    EXPECT_THAT(sections.at("nvidia-smi --version"), HasSubstr("CUDA Version        : " + table.cuda_version + "\n"));
    ASSERT_EQ(table.gpus.size(), 1u);
    EXPECT_THAT(sections.at("nvidia-smi -q"), HasSubstr("GPU 0000" + table.gpus[0].bus_id.ToString()));
    EXPECT_THAT(table.gpus[0].name, testing::StartsWith("NVIDIA "));
    EXPECT_THAT(table.problems, IsEmpty());
  }
}

// Nothing in the long listing of a healthy GPU is taken for an error, deprecated fields included.
TEST(Captures, LongListingHasNoErrorPhrase) {
  std::vector<std::filesystem::path> files = CaptureFiles("nvidia-smi-text");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.filename());
    const std::string listing = CaptureSections(ReadFile(file)).at("nvidia-smi -q");
    for (std::string_view line : SplitLines(listing)) {
      EXPECT_EQ(FindNvidiaSmiError(line), nullptr) << line;
    }
  }
}

}  // namespace
}  // namespace passthrough
