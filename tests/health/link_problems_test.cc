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

// A GPU below a root port, or on the root bus.
Findings Fields(const std::string& now, const std::string& most, std::optional<int> lanes,
                std::optional<int> most_lanes, bool on_root_bus = false) {
  PciEvidence pci;
  pci.path = "p.txt";
  PciFunction function;
  function.line = 7;
  function.class_code = 0x030000;
  if (!on_root_bus) function.parent = PciAddress{};
  function.current_link_speed = now;
  function.max_link_speed = most;
  function.current_link_width = lanes;
  function.max_link_width = most_lanes;
  return LinkFieldProblems(pci, function, "GPU");
}

TEST(LinkProblems, FieldsThatNoLinkCanHave) {
  const std::string gen1 = "2.5 GT/s PCIe";
  const std::string gen4 = "16.0 GT/s PCIe";
  EXPECT_THAT(Fields(gen1, gen4, 16, 16), IsEmpty());
  EXPECT_THAT(Fields("8 GT/s", "16 GT/s", 8, 16), IsEmpty()) << "as kernels before 5.7 have it";
  EXPECT_THAT(Texts(Fields("17.0 GT/s PCIe", gen4, 16, 16)),
              ElementsAre(HasSubstr("current_link_speed is 17.0 GT/s PCIe, which no PCIe link has (p.txt:7)")));
  EXPECT_THAT(Texts(Fields(gen4, gen1, 16, 16)),
              ElementsAre(HasSubstr("its link runs at 16.0 GT/s PCIe, and can run at 2.5 GT/s PCIe at most")));
  EXPECT_THAT(Texts(Fields(gen4, gen4, 3, 16)),
              ElementsAre(HasSubstr("current_link_width is 3, which no PCIe link has")));
  EXPECT_THAT(Texts(Fields(gen4, gen4, 16, 63)), ElementsAre(HasSubstr("max_link_width is 63")));
  EXPECT_THAT(Texts(Fields(gen4, gen4, 16, 8)),
              ElementsAre(HasSubstr("its link has 16 lanes, and can have 8 at most")));
  EXPECT_THAT(Texts(Fields(gen4, gen4, 0, 16)), ElementsAre(HasSubstr("runs at 16.0 GT/s PCIe, with 0 lanes")));
  for (const Finding& finding : Fields("17.0 GT/s PCIe", gen4, 3, 63)) EXPECT_FALSE(finding.note);
  for (const int lanes : {1, 2, 4, 8, 12, 16, 32}) EXPECT_THAT(Fields(gen4, gen4, lanes, lanes), IsEmpty()) << lanes;
}

TEST(LinkProblems, FieldsThatCannotBeReadAreANote) {
  // QEMU on a root bus: the function is part of the root complex, without a link.
  const Findings root = Fields("Unknown", "Unknown", 0, 255, true);
  EXPECT_THAT(Texts(root), ElementsAre(HasSubstr("cannot be read, for it is on a root bus of the node")));
  EXPECT_TRUE(root.at(0).note);
  const Findings part = Fields("16.0 GT/s PCIe", "", 16, std::nullopt, true);
  EXPECT_THAT(Texts(part), ElementsAre(HasSubstr("max_link_speed and max_link_width cannot be read")));
  EXPECT_TRUE(part.at(0).note);
  EXPECT_TRUE(Fields("Unknown", "Unknown", 0, 255).at(0).note);
  EXPECT_THAT(Fields("", "16.0 GT/s PCIe", 16, 16), IsEmpty());
  EXPECT_THAT(Fields("Unknown speed", "8 GT/s", 16, 16), IsEmpty()) << "a kernel that does not know generation 4";
  EXPECT_THAT(Fields("", "", {}, {}), IsEmpty()) << "no PCI Express";
}

TEST(LinkProblems, GenerationsOfSpeeds) {
  EXPECT_EQ(PcieGeneration(2.5), 1);
  EXPECT_EQ(PcieGeneration(8), 3);
  EXPECT_EQ(PcieGeneration(64), 6);
  EXPECT_EQ(PcieGeneration(3), std::nullopt);
}

TEST(PcieLinkRateTest, KnowsEverySpeed) {
  EXPECT_DOUBLE_EQ(*PcieLinkRate("2.5 GT/s PCIe", 1), 0.25);
  EXPECT_DOUBLE_EQ(*PcieLinkRate("5.0 GT/s PCIe", 16), 8);
  EXPECT_NEAR(*PcieLinkRate("16.0 GT/s PCIe", 16), 31.5, 0.1);
  EXPECT_NEAR(*PcieLinkRate("16 GT/s", 16), 31.5, 0.1) << "as kernels before 5.7 have it";
  EXPECT_NEAR(*PcieLinkRate("32.0 GT/s PCIe", 16), 63, 0.1);
  EXPECT_FALSE(PcieLinkRate("Unknown", 16));
  EXPECT_FALSE(PcieLinkRate("", 16));
  EXPECT_FALSE(PcieLinkRate("16.0 GT/s PCIe", 0));
  EXPECT_FALSE(PcieLinkRate("17.0 GT/s PCIe", 16));
}

}  // namespace
}  // namespace passthrough
