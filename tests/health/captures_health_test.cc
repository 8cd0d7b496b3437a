// The checks of what real GPUs gave: healthy machines raise no alarm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/health/nvidia/driver_versions.h"
#include "helpers/health/nvidia/gpu_problems.h"
#include "helpers/health/nvidia/nvidia_link_problems.h"
#include "tests/health/health_test_tools.h"
#include "tests/parsers/captures.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CapturesHealth, WhatRealGpusSayOfThemselves) {
  const auto files = CaptureFiles("nvidia-smi-xml");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    const NvidiaSmiXml xml = NvidiaSmiXml::Parse(ReadFile(file), "x.txt");
    EXPECT_THAT(Texts(UncorrectedErrorProblems(xml)), IsEmpty());
    EXPECT_THAT(Texts(MemoryRepairProblems(xml)), IsEmpty());
    EXPECT_THAT(Texts(RecoveryProblems(xml)), IsEmpty());
    EXPECT_THAT(Texts(SlowdownProblems(xml)), IsEmpty());
    std::vector<GpuOfEvidence> gpus;
    for (const NvidiaSmiGpu& gpu : xml.gpus) gpus.push_back({"n", &xml, &gpu});
    EXPECT_THAT(Texts(UuidProblems(gpus)), IsEmpty());
    for (const NvidiaSmiGpu& gpu : xml.gpus) {
      EXPECT_THAT(Texts(LinkSpeedProblems(xml, gpu, {})), IsEmpty());
      // The T4 is in a cloud's VM: it can have 16 lanes and has 8. Its slot may have no more; nothing in the VM
      // tells, so that is a note. Where the host's slot is known, it is in order.
      if (file.filename() == "tesla-t4.xml") {
        const Findings of_t4 = LinkWidthProblems(xml, gpu, {});
        EXPECT_THAT(Texts(of_t4), ElementsAre(HasSubstr("has 8 lanes, it can have 16")));
        EXPECT_TRUE(of_t4.at(0).note);
        EXPECT_THAT(Texts(LinkWidthProblems(xml, gpu, {8, 3})), IsEmpty());
      } else {
        EXPECT_THAT(Texts(LinkWidthProblems(xml, gpu, {})), IsEmpty());
      }
    }
  }
}

// Table, module and tool of one machine are of one release.
TEST(CapturesHealth, VersionsOfOneMachineAgree) {
  const auto files = CaptureFiles("nvidia-smi-text");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    const NvidiaSmiTable table = NvidiaSmiTable::Parse(CaptureSections(ReadFile(file)).at("nvidia-smi"), "t.txt");
    ASSERT_NE(table.driver_version, "");
    const ModulesEvidence modules = ModulesEvidence::Parse(
        "kernel_release: 6\nloaded_nvidia_version: " + table.driver_version + "\nend: modules\n", "m.txt");
    EXPECT_THAT(Texts(UserspaceVersionProblems(modules, table)), IsEmpty());
  }
}

}  // namespace
}  // namespace passthrough
