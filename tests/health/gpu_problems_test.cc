#include "helpers/health/nvidia/gpu_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(GpuProblems, UncorrectedErrorsSinceTheDriverWasLoaded) {
  const auto problems = [](const std::string& counts) {
    return Texts(UncorrectedErrorProblems(XmlWith("<ecc_errors>" + counts + "</ecc_errors>")));
  };
  EXPECT_THAT(problems("<volatile>\n<dram_uncorrectable>3</dram_uncorrectable></volatile>"),
              ElementsAre(AllOf(HasSubstr("GPU 0000:01:00.0: 3 uncorrected memory errors"),
                                HasSubstr("(dram_uncorrectable)"), HasSubstr("x.txt:6"))));
  EXPECT_THAT(problems("<volatile><sram_uncorrectable_parity>1</sram_uncorrectable_parity>"
                       "<sram_uncorrectable_secded>2</sram_uncorrectable_secded></volatile>"),
              testing::SizeIs(2));
  EXPECT_THAT(problems("<volatile><dram_correctable>99</dram_correctable>"
                       "<dram_uncorrectable>0</dram_uncorrectable>"
                       "<sram_uncorrectable>N/A</sram_uncorrectable></volatile>"
                       "<aggregate><dram_uncorrectable>7</dram_uncorrectable></aggregate>"),
              IsEmpty());
  EXPECT_THAT(
      problems("<volatile><double_bit><device_memory>2</device_memory><total>2</total></double_bit></volatile>"),
      ElementsAre(HasSubstr("2 uncorrected memory errors since its driver was loaded (total)")));
  EXPECT_THAT(Texts(UncorrectedErrorProblems(XmlWith(
                  "<mig_devices><mig_device><ecc_error_count><volatile_count><sram_uncorrectable>1</sram_uncorrectable>"
                  "</volatile_count></ecc_error_count></mig_device></mig_devices>"))),
              ElementsAre(HasSubstr("1 uncorrected")));
}

TEST(GpuProblems, MemoryThatWaitsForRepair) {
  const auto problems = [](const std::string& elements) { return Texts(MemoryRepairProblems(XmlWith(elements))); };
  EXPECT_THAT(problems("<remapped_rows><remapped_row_pending>Yes</remapped_row_pending></remapped_rows>"),
              ElementsAre(HasSubstr("a row remapping is pending (remapped_rows/remapped_row_pending is \"Yes\")")));
  EXPECT_THAT(problems("<remapped_rows><remapped_row_failure>Yes</remapped_row_failure></remapped_rows>"),
              ElementsAre(HasSubstr("a row remapping failed")));
  EXPECT_THAT(problems("<retired_pages><pending_retirement>Yes</pending_retirement></retired_pages>"),
              ElementsAre(HasSubstr("pages wait to be retired")));
  EXPECT_THAT(problems("<ecc_errors><channel_repair_pending>Yes</channel_repair_pending>"
                       "<unrepairable_memory>Yes</unrepairable_memory>"
                       "<aggregate><sram_threshold_exceeded>Yes</sram_threshold_exceeded></aggregate>"
                       "</ecc_errors>"),
              testing::SizeIs(3));
  EXPECT_THAT(problems("<remapped_rows><bank_remapping_pending>Yes</bank_remapping_pending></remapped_rows>"),
              ElementsAre(HasSubstr("bank_remapping_pending is \"Yes\"")));
  // A row that was remapped is repaired.
  EXPECT_THAT(problems("<remapped_rows><remapped_row_corr>4</remapped_row_corr>"
                       "<remapped_row_unc>1</remapped_row_unc>"
                       "<remapped_row_pending>No</remapped_row_pending></remapped_rows>"),
              IsEmpty());
  EXPECT_THAT(problems("<remapped_rows>N/A</remapped_rows>"
                       "<retired_pages><pending_retirement>N/A</pending_retirement></retired_pages>"),
              IsEmpty());
}

TEST(GpuProblems, RecoveryThatTheDriverAsksFor) {
  const auto problems = [](const std::string& elements) { return Texts(RecoveryProblems(XmlWith(elements))); };
  EXPECT_THAT(problems("<gpu_reset_status><reset_required>Yes</reset_required></gpu_reset_status>"),
              ElementsAre(HasSubstr("must be reset")));
  EXPECT_THAT(problems("<gpu_recovery_action>Node Reboot</gpu_recovery_action>"),
              ElementsAre(HasSubstr("\"Node Reboot\"")));
  EXPECT_THAT(problems("<gpu_recovery_action>None</gpu_recovery_action>"
                       "<gpu_reset_status><reset_required>No</reset_required>"
                       "<drain_and_reset_recommended>N/A</drain_and_reset_recommended></gpu_reset_status>"),
              IsEmpty());
  EXPECT_THAT(problems("<gpu_recovery_action>N/A</gpu_recovery_action>"), IsEmpty());
  EXPECT_THAT(problems("<gpu_recovery_action>Requested functionality has been deprecated</gpu_recovery_action>"),
              IsEmpty());
}

std::string Reasons(const std::string& word, const std::string& reason) {
  return "<clocks_" + word + "_reasons><clocks_" + word + "_reason_" + reason + ">Active</clocks_" + word + "_reason_" +
         reason + "></clocks_" + word + "_reasons>";
}

TEST(GpuProblems, HardwareSlowdownInBothSpellings) {
  for (const char* word : {"event", "throttle"}) {
    EXPECT_THAT(Texts(SlowdownProblems(XmlWith(Reasons(word, "hw_thermal_slowdown")))),
                ElementsAre(HasSubstr("too hot")));
    EXPECT_THAT(Texts(SlowdownProblems(XmlWith(Reasons(word, "hw_power_brake_slowdown")))),
                ElementsAre(HasSubstr("power brake")));
    EXPECT_THAT(Texts(SlowdownProblems(XmlWith(Reasons(word, "hw_slowdown")))),
                ElementsAre(HasSubstr("the hardware slows it down")));
    std::string with_the_others = Reasons(word, "hw_slowdown");
    const std::string end = std::string("</clocks_") + word + "_reasons>";
    const std::string heat = std::string("clocks_") + word + "_reason_hw_thermal_slowdown";
    with_the_others.insert(with_the_others.size() - end.size(), "<" + heat + ">Not Active</" + heat + ">");
    const Findings alone = SlowdownProblems(XmlWith(with_the_others));
    ASSERT_EQ(alone.size(), 1u);
    EXPECT_TRUE(alone[0].note) << "as its clocks change";
    for (const char* fine :
         {"gpu_idle", "sw_power_cap", "sync_boost", "applications_clocks_setting", "display_clocks_setting"}) {
      EXPECT_THAT(Texts(SlowdownProblems(XmlWith(Reasons(word, fine)))), IsEmpty()) << fine;
    }
    for (const auto& [reason, text] : {std::pair("sw_thermal_slowdown", "hotter than its maximum operating"),
                                       std::pair("reliability", "for a reason that no check here knows")}) {
      const Findings findings = SlowdownProblems(XmlWith(Reasons(word, reason)));
      ASSERT_THAT(Texts(findings), ElementsAre(HasSubstr(text))) << reason;
      EXPECT_TRUE(findings[0].note);
    }
  }
}

TEST(GpuProblems, UuidsAreOnesOwn) {
  const std::string one = "GPU-37037c3f-65c8-ec4d-24a9-420204ad8026";
  const std::string other = "GPU-19d6d965-2acc-f646-00f8-4c76979aabb4";
  const auto problems = [](const std::string& first, const std::string& second) {
    const NvidiaSmiXml a = XmlWith("<uuid>" + first + "</uuid>");
    const NvidiaSmiXml b = XmlWith("<uuid>" + second + "</uuid>");
    return Texts(UuidProblems({{"n1", &a, &a.gpus[0]}, {"n2", &b, &b.gpus[0]}}));
  };
  EXPECT_THAT(problems(one, other), IsEmpty());
  EXPECT_THAT(problems(one, one),
              ElementsAre(HasSubstr("GPU 0000:01:00.0 of n1 and GPU 0000:01:00.0 of n2 have the same UUID " + one)));
  EXPECT_THAT(problems("GPU-00000000-0000-0000-0000-000000000000", other), ElementsAre(HasSubstr("has no UUID")));
  EXPECT_THAT(problems("N/A", other), ElementsAre(HasSubstr("GPU 0000:01:00.0 of n1 has no UUID: \"N/A\"")));
  EXPECT_THAT(problems("", ""), testing::SizeIs(2));
}

}  // namespace
}  // namespace passthrough
