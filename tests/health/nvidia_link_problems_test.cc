#include "helpers/health/nvidia/nvidia_link_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Link(const std::string& width, const std::string& gen) {
  return "<pci><pci_gpu_link_info><pcie_gen><max_link_gen>4</max_link_gen><current_link_gen>" + gen +
         "</current_link_gen></pcie_gen><link_widths><max_link_width>16x</max_link_width><current_link_width>" + width +
         "</current_link_width></link_widths></pci_gpu_link_info></pci>";
}

TEST(NvidiaLinkProblems, WidthFromTheDriver) {
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

// Only a GPU that says that it works can be found slow.
TEST(NvidiaLinkProblems, SpeedWhileTheGpuWorks) {
  const auto problems = [](const std::string& gen, const std::string& state, const std::string& idle,
                           const std::string& used, SlotLimits slot = {}) {
    const NvidiaSmiXml xml =
        XmlWith(Link("16x", gen) + "<performance_state>" + state + "</performance_state><clocks_event_reasons>" +
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
  EXPECT_THAT(problems("1", "P2", "Not Active", "3 %"), IsEmpty()) << "it may just have begun, or ended";
  EXPECT_THAT(problems("1", "P0", "Not Active", "N/A"), IsEmpty());
}

}  // namespace
}  // namespace passthrough
