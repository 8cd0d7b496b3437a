#include "helpers/parsers/nvidia/workload_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

WorkloadEvidence Parse(const std::string& text) { return WorkloadEvidence::Parse(text, "evidence/n/workload.txt"); }

TEST(WorkloadEvidenceTest, ReadsAHealthyGpu) {
  const WorkloadEvidence workload = Parse(HealthyWorkload());
  EXPECT_FALSE(workload.trouble);
  EXPECT_EQ(workload.driver_api_version, 12040);
  ASSERT_EQ(workload.gpus.size(), 1u);
  const WorkloadGpu& gpu = workload.gpus.front();
  EXPECT_THAT(workload.FindAll(*PciAddress::Parse("0000:01:00.0")), testing::ElementsAre(&gpu));
  EXPECT_THAT(workload.FindAll(*PciAddress::Parse("0000:02:00.0")), testing::IsEmpty());
  EXPECT_TRUE(gpu.done);
  EXPECT_EQ(gpu.patterns.size(), 5u);
  EXPECT_DOUBLE_EQ(*gpu.to_device, 25.53);
  EXPECT_EQ(gpu.interrupts, 34u);
  EXPECT_EQ(gpu.link_width, 16);
  EXPECT_EQ(gpu.memory_bytes, 25386352640u);
  EXPECT_TRUE(gpu.reached_kernel);
  ASSERT_EQ(gpu.kernels.size(), 2u);
  EXPECT_EQ(gpu.kernels[1].threads, 1048576u);
  EXPECT_EQ(gpu.kernels[1].wrong, 0u);
}

// Since driver release 570 CUDA has a device for each instance of MIG.
TEST(WorkloadEvidenceTest, AllInstancesOfAGpuAreFound) {
  const std::string block = "gpu: 0\npci_bus_id: 0000:01:00.0\ndone: yes\n";
  const WorkloadEvidence workload =
      Parse("cuda_visible_devices: \"\"\ngpu_count: 3\n" + block + block + block + "end: workload\n");
  EXPECT_EQ(workload.FindAll(*PciAddress::Parse("0000:01:00.0")).size(), 3u);
}

TEST(WorkloadEvidenceTest, TheFirstTroubleIsTheOneThatCounts) {
  const WorkloadEvidence workload = Parse(
      "gpu_count: 1\ngpu: 0\nerror: cuMemcpyHtoD_v2 719 CUDA_ERROR_LAUNCH_FAILED\n"
      "error: cuMemFree_v2 719 CUDA_ERROR_LAUNCH_FAILED\nend: workload\n");
  EXPECT_THAT(workload.gpus.at(0).trouble.what, HasSubstr("cuMemcpyHtoD_v2 failed"));
  EXPECT_EQ(workload.gpus.at(0).trouble.line, 3);
}

// CUDA lists a GPU whose compute mode is prohibited: it is the context that is refused.
TEST(WorkloadEvidenceTest, AGpuThatTakesNoContextSaysWhy) {
  const WorkloadTrouble trouble =
      Parse("gpu_count: 1\ngpu: 0\nerror: cuCtxCreate_v2 46 CUDA_ERROR_DEVICE_UNAVAILABLE\nend: workload\n")
          .gpus.at(0)
          .trouble;
  EXPECT_THAT(trouble.what, HasSubstr("compute mode is prohibited or exclusive, or another program has it"));
  EXPECT_THAT(Parse("error: cuInit 100 CUDA_ERROR_NO_DEVICE\nend: workload\n").trouble.advice,
              testing::Not(HasSubstr("compute mode")));
}

TEST(WorkloadEvidenceTest, WhatEndsEarlyIsTroubleEvenWithoutAReason) {
  EXPECT_TRUE(Parse("program: workload 1\nend: workload\n").trouble);
  EXPECT_TRUE(Parse("gpu_count: 1\ngpu: 0\nend: workload\n").gpus.at(0).trouble);
}

TEST(WorkloadEvidenceTest, RefusesWhatIsNotItsForm) {
  for (const char* text :
       {"", "gpu_count: 1\n", "gpu_count: x\nend: workload\n", "error: cuInit\nend: workload\n",
        "gpu_count: -1\nend: workload\n", "hung: a b c\nend: workload\n",
        "gpu: 0\npci_bus_id: /etc/passwd\nend: workload\n", "gpu: 0\npattern: address -1\nend: workload\n",
        "gpu: 0\nmismatch: address 1 2 3\nend: workload\n", "gpu: 0\nkernel: 5\nend: workload\n",
        "gpu: 0\ntime_ran_out: soon\nend: workload\n", "gpu: 0\nto_device_best_gb_per_s: nan\nend: workload\n"}) {
    EXPECT_THROW(Parse(text), EvidenceError) << text;
  }
}

}  // namespace
}  // namespace passthrough
