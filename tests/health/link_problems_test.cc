#include "helpers/health/link_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> OfSysfs(int current, int most, SlotLimits slot = {}) {
  PciEvidence pci;
  pci.path = "p.txt";
  PciFunction function;
  function.line = 7;
  function.current_link_width = current;
  function.max_link_width = most;
  return Texts(LinkWidthProblems(pci, function, "GPU 0000:01:00.0", slot));
}

TEST(LinkProblems, WidthFromSysfs) {
  EXPECT_THAT(OfSysfs(8, 16), ElementsAre(HasSubstr("has 8 lanes, it can have 16 (p.txt:7)")));
  EXPECT_THAT(OfSysfs(16, 16), IsEmpty());
  EXPECT_THAT(OfSysfs(1, 1), IsEmpty());
  // The slot is the limit.
  EXPECT_THAT(OfSysfs(8, 16, {8, {}}), IsEmpty());
  EXPECT_THAT(OfSysfs(4, 16, {8, {}}), ElementsAre(HasSubstr("4 lanes, it can have 8 in its slot")));
  EXPECT_THAT(OfSysfs(8, 16, {32, {}}), testing::SizeIs(1));
  // On a root bus of a VM there is no link to see.
  EXPECT_THAT(OfSysfs(0, 255), IsEmpty());
  EXPECT_THAT(OfSysfs(0, 16), IsEmpty());
  PciFunction without_link;
  EXPECT_THAT(Texts(LinkWidthProblems(PciEvidence(), without_link, "x", {})), IsEmpty());
}

std::vector<std::string> UnderLoad(const std::string& now, const std::string& most, SlotLimits slot = {}) {
  PciFunction function;
  function.max_link_speed = most;
  return Texts(LinkSpeedUnderLoadProblems(now, "w.txt:9", function, "GPU 0000:01:00.0", slot));
}

TEST(LinkProblems, SpeedUnderLoad) {
  EXPECT_THAT(UnderLoad("2.5 GT/s PCIe", "16.0 GT/s PCIe"),
              ElementsAre(HasSubstr("runs at generation 1 (2.5 GT/s PCIe), it can run at 4 (w.txt:9)")));
  EXPECT_THAT(UnderLoad("8 GT/s", "16 GT/s"), testing::SizeIs(1)) << "as kernels before 5.7 have it";
  EXPECT_THAT(UnderLoad("16.0 GT/s PCIe", "16.0 GT/s PCIe"), IsEmpty());
  EXPECT_THAT(UnderLoad("16.0 GT/s PCIe", "32.0 GT/s PCIe", {{}, 4}), IsEmpty()) << "the slot is the limit";
  EXPECT_THAT(UnderLoad("8.0 GT/s PCIe", "32.0 GT/s PCIe", {{}, 4}),
              ElementsAre(HasSubstr("it can run at 4 in its slot")));
  for (const char* unknown : {"", "Unknown", "17.0 GT/s PCIe", "16.0"}) {
    EXPECT_THAT(UnderLoad(unknown, "16.0 GT/s PCIe"), IsEmpty()) << unknown;
    EXPECT_THAT(UnderLoad("2.5 GT/s PCIe", unknown), IsEmpty()) << unknown;
  }
}

// Without a word of the host on the slot, it may be the slot that has no more.
TEST(LinkProblems, OfAnUnknownSlotAreNotes) {
  PciFunction function;
  function.current_link_width = 8;
  function.max_link_width = 16;
  function.max_link_speed = "16.0 GT/s PCIe";
  const auto width = [&](SlotLimits slot) { return LinkWidthProblems({}, function, "x", slot).at(0); };
  const auto speed = [&](SlotLimits slot) {
    return LinkSpeedUnderLoadProblems("8.0 GT/s PCIe", "", function, "x", slot).at(0);
  };
  EXPECT_TRUE(width({}).note);
  EXPECT_TRUE(width({{}, 4}).note);
  EXPECT_FALSE(width({16, {}}).note);
  EXPECT_TRUE(speed({}).note);
  EXPECT_TRUE(speed({16, {}}).note);
  EXPECT_FALSE(speed({{}, 4}).note);
}

std::string Link(const std::string& width, const std::string& gen) {
  return "<pci><pci_gpu_link_info><pcie_gen><max_link_gen>4</max_link_gen><current_link_gen>" + gen +
         "</current_link_gen></pcie_gen><link_widths><max_link_width>16x</max_link_width><current_link_width>" +
         width + "</current_link_width></link_widths></pci_gpu_link_info></pci>";
}

TEST(LinkProblems, WidthFromTheDriver) {
  const auto problems = [](const std::string& width, SlotLimits slot) {
    const NvidiaSmiXml xml = XmlWith(Link(width, "4"));
    return Texts(LinkWidthProblems(xml, xml.gpus[0], slot));
  };
  EXPECT_THAT(problems("4x", {}), ElementsAre(HasSubstr("has 4 lanes, it can have 16")));
  EXPECT_THAT(problems("16x", {}), IsEmpty());
  EXPECT_THAT(problems("N/A", {}), IsEmpty());
  EXPECT_THAT(problems("0x", {}), IsEmpty());
  EXPECT_THAT(problems("8x", {8, {}}), IsEmpty());
}

// Only a GPU that says that it works can be told to be slow.
TEST(LinkProblems, SpeedWhileTheGpuWorks) {
  const auto problems = [](const std::string& gen, const std::string& state, const std::string& idle,
                           const std::string& used, SlotLimits slot = {}) {
    const NvidiaSmiXml xml = XmlWith(
        Link("16x", gen) + "<performance_state>" + state + "</performance_state><clocks_event_reasons>" +
        "<clocks_event_reason_gpu_idle>" + idle + "</clocks_event_reason_gpu_idle></clocks_event_reasons>" +
        "<utilization><gpu_util>" + used + "</gpu_util></utilization>");
    return Texts(LinkSpeedProblems(xml, xml.gpus[0], slot));
  };
  EXPECT_THAT(problems("1", "P0", "Not Active", "99 %"),
              ElementsAre(HasSubstr("runs at generation 1, it can run at 4")));
  EXPECT_THAT(problems("4", "P0", "Not Active", "99 %"), IsEmpty());
  EXPECT_THAT(problems("3", "P0", "Not Active", "99 %", {{}, 3}), IsEmpty());
  EXPECT_THAT(problems("1", "P8", "Not Active", "99 %"), IsEmpty());
  EXPECT_THAT(problems("1", "P0", "Active", "99 %"), IsEmpty());
  EXPECT_THAT(problems("1", "P0", "Not Active", "0 %"), IsEmpty());
  EXPECT_THAT(problems("1", "P0", "Not Active", "N/A"), IsEmpty());
}

TEST(LinkProblems, GenerationsOfSpeeds) {
  EXPECT_EQ(PcieGeneration(2.5), 1);
  EXPECT_EQ(PcieGeneration(8), 3);
  EXPECT_EQ(PcieGeneration(64), 6);
  EXPECT_EQ(PcieGeneration(3), std::nullopt);
}

}  // namespace
}  // namespace passthrough
