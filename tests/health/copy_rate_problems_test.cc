#include "helpers/health/nvidia/copy_rate_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// On a link that carries 31.5 GB/s, unless another is named.
Findings Of(double to, double from, std::optional<int> least = {}, const std::string& speed = "16.0 GT/s PCIe") {
  WorkloadGpu gpu;
  gpu.to_device = to;
  gpu.from_device = from;
  gpu.link_speed = speed;
  gpu.link_width = 16;
  gpu.rate_line = 7;
  WorkloadEvidence workload;
  workload.path = "w.txt";
  return CopyRateProblems(workload, gpu, "GPU", least);
}

TEST(CopyRateProblemsTest, LessThanHalfOfTheLinkIsANote) {
  EXPECT_THAT(Of(25, 26), IsEmpty());
  EXPECT_THAT(Of(16, 16), IsEmpty());
  const Findings notes = Of(15, 26);
  EXPECT_THAT(
      Texts(notes),
      ElementsAre(HasSubstr("copies to GPU reach 15.000 GB/s, 47.6 % of what its link (16.0 GT/s PCIe x16) carries, "
                            "31.5 GB/s; expected 50 % at least (w.txt:7)")));
  EXPECT_TRUE(notes.at(0).note);
}

TEST(CopyRateProblemsTest, ATenthOfTheLinkIsTheLeast) {
  const Findings slow = Of(26, 1.5);
  EXPECT_THAT(Texts(slow), ElementsAre(HasSubstr("4.8 % of what its link")));
  EXPECT_FALSE(slow.at(0).note);
  EXPECT_TRUE(Of(26, 3.05).at(0).note) << "confidential computing";
  EXPECT_TRUE(Of(60, 3.05, {}, "32.0 GT/s PCIe").at(0).note) << "a twentieth of that link";
  EXPECT_FALSE(Of(60, 2.9, {}, "32.0 GT/s PCIe").at(0).note);
  EXPECT_FALSE(Of(12, 1.5, {}, "8.0 GT/s PCIe").at(0).note);
  EXPECT_TRUE(Of(12, 1.6, {}, "8.0 GT/s PCIe").at(0).note);
}

TEST(CopyRateProblemsTest, AProfileSetsAnother) {
  EXPECT_FALSE(Of(26, 20, 70).at(0).note);
  EXPECT_THAT(Of(26, 20, 60), IsEmpty());
  EXPECT_FALSE(Of(60, 3.05, 5, "32.0 GT/s PCIe").at(0).note) << "its limit is taken as it is";
  EXPECT_TRUE(Of(26, 1.0, 1).at(0).note);
}

TEST(CopyRateProblemsTest, WithoutALinkThereIsNothingToCompareWith) {
  EXPECT_THAT(Of(0.3, 0.3, {}, ""), IsEmpty());
  EXPECT_THAT(Texts(Of(0.3, 0.01, {}, "Unknown")),
              ElementsAre(HasSubstr("copies from GPU reach 0.010 GB/s, less than any PCIe link carries")));
  EXPECT_EQ(SharesOfLink(WorkloadGpu()).to_device, std::nullopt);
}

}  // namespace
}  // namespace passthrough
