// The real program, run by its probe against a FAKE of CUDA's driver library, and read by the real parser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "helpers/base/files.h"
#include "helpers/evidence/remote_archive.h"
#include "helpers/parsers/nvidia/workload_evidence.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const fs::path kProbe = fs::path(PASSTHROUGH_SOURCE_DIR) / "remote/probes/nvidia/workload.sh";
const fs::path kProgram = fs::path(PASSTHROUGH_BINARY_DIR) / "libexec/pcie-passthrough-suite/workload";

class WorkloadProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.environment = {{"WORKLOAD_PROGRAM", kProgram},
                            {"LD_LIBRARY_PATH", FAKE_DIRECTORY},
                            {"PROBE_ROOT", Root()},
                            {"WORKLOAD_CALL_LIMIT", "2"}};
    fs::create_directories(Root() / "proc");
    AddGpu("0000:01:00.0", "40");
    AddGpu("0000:02:00.0", "41");
  }
  fs::path Root() const { return directory_.path() / "root"; }
  void AddGpu(const std::string& address, const std::string& interrupt) {
    const fs::path function = Root() / "sys/bus/pci/devices" / address;
    fs::create_directories(function / "msi_irqs");
    WriteFile(function / "msi_irqs" / interrupt, "msi\n");
    WriteFile(function / "current_link_speed", "16.0 GT/s PCIe\n");
    WriteFile(function / "current_link_width", "16\n");
  }
  void SetLink(const std::string& now, const std::string& most) {
    for (const char* address : {"0000:01:00.0", "0000:02:00.0"}) {
      const fs::path function = Root() / "sys/bus/pci/devices" / address;
      WriteFile(function / "current_link_speed", now + "\n");
      if (!most.empty()) WriteFile(function / "max_link_speed", most + "\n");
    }
  }
  WorkloadEvidence Run(const std::string& mode) {
    options_.environment["FAKE_CUDA"] = mode;
    const ChildResult result = RunChild({"sh", kProbe.string()}, options_, Deadline::After(std::chrono::minutes(2)));
    EXPECT_EQ(result.exit_status, 0) << result.output;
    text_ = result.output;
    return WorkloadEvidence::Parse(text_, "workload.txt");
  }
  static uint64_t WrongWords(const WorkloadGpu& gpu) {
    uint64_t wrong = 0;
    for (const WorkloadPattern& pattern : gpu.patterns) wrong += pattern.wrong_words;
    return wrong;
  }

  const TemporaryDirectory directory_{"workload-probe"};
  ChildOptions options_;
  std::string text_;
};

TEST_F(WorkloadProbeTest, AHealthyFakeDoesAllOfTheWorkAndIsCalledAFake) {
  const WorkloadEvidence workload = Run("healthy");
  EXPECT_THAT(workload.stand_in, HasSubstr("FAKE"));
  EXPECT_FALSE(workload.trouble) << text_;
  ASSERT_EQ(workload.gpus.size(), 2u) << text_;
  for (const WorkloadGpu& gpu : workload.gpus) {
    EXPECT_TRUE(gpu.done) << gpu.trouble.what;
    EXPECT_THAT(gpu.name, HasSubstr("FAKE"));
    EXPECT_EQ(gpu.patterns.size(), 5u);
    EXPECT_EQ(WrongWords(gpu), 0u);
    EXPECT_EQ(gpu.tested_bytes, 32u << 20) << "half of what is free";
    EXPECT_GT(*gpu.to_device, 0);
    EXPECT_EQ(gpu.interrupts, 32u) << "its own line alone, over all processors";
    EXPECT_EQ(gpu.interrupt_kind, "msi");
    EXPECT_EQ(gpu.link_speed, "16.0 GT/s PCIe");
  }
  EXPECT_EQ(workload.gpus[1].bus_id->ToString(), "0000:02:00.0");
}

// A domain of more than four digits, as Intel's VMD makes them.
TEST_F(WorkloadProbeTest, AGpuOfALargeDomain) {
  AddGpu("10000:01:00.0", "40");
  AddGpu("10000:02:00.0", "41");
  const WorkloadEvidence workload = Run("vmd");
  ASSERT_EQ(workload.gpus.size(), 2u) << text_;
  EXPECT_EQ(workload.gpus[0].bus_id->ToString(), "10000:01:00.0");
  EXPECT_EQ(workload.gpus[0].interrupt_kind, "msi") << "its files in sysfs were found: " << text_;
}

TEST_F(WorkloadProbeTest, OneWrongBitIsFoundAndTold) {
  const WorkloadEvidence workload = Run("one-wrong-bit");
  ASSERT_EQ(workload.gpus.size(), 2u) << text_;
  EXPECT_EQ(WrongWords(workload.gpus[0]), 1u);
  ASSERT_EQ(workload.gpus[0].mismatches.size(), 1u);
  const WorkloadMismatch& wrong = workload.gpus[0].mismatches[0];
  EXPECT_EQ(wrong.expected ^ wrong.found, 0x10000000u);
  EXPECT_EQ(WrongWords(workload.gpus[1]), 0u);
}

TEST_F(WorkloadProbeTest, MemoryThatIsReachedByTwoAddressesIsFound) {
  const WorkloadEvidence workload = Run("aliased");
  EXPECT_GT(WrongWords(workload.gpus.at(0)), 1000u);
  EXPECT_LE(workload.gpus.at(0).mismatches.size(), 20u) << "a few of each pattern are shown";
}

TEST_F(WorkloadProbeTest, WrongData) { EXPECT_GT(WrongWords(Run("wrong-data").gpus.at(0)), 1000u); }

TEST_F(WorkloadProbeTest, ErrorsOfInitialisationAreNamed) {
  EXPECT_THAT(Run("no-device").trouble.what, HasSubstr("cuInit failed: CUDA_ERROR_NO_DEVICE (100)"));
  EXPECT_THAT(Run("unknown").trouble.what, HasSubstr("CUDA_ERROR_UNKNOWN (999)"));
  EXPECT_THAT(Run("not-ready").trouble.what, HasSubstr("CUDA_ERROR_SYSTEM_NOT_READY (802)"));
}

TEST_F(WorkloadProbeTest, AnErrorOnOneGpuIsNotTheOthers) {
  const WorkloadEvidence workload = Run("copy-fails");
  EXPECT_TRUE(workload.gpus.at(0).done);
  EXPECT_THAT(workload.gpus.at(1).trouble.what, HasSubstr("CUDA_ERROR_LAUNCH_FAILED (719)"));
}

TEST_F(WorkloadProbeTest, OutOfMemory) {
  EXPECT_THAT(Run("out-of-memory").gpus.at(0).trouble.what, HasSubstr("cuMemAlloc_v2 failed: CUDA_ERROR_OUT_OF"));
}

TEST_F(WorkloadProbeTest, AHangIsAFact) {
  EXPECT_THAT(Run("hang-init").trouble.what, HasSubstr("cuInit did not return"));
  const WorkloadEvidence second = Run("hang-second");
  EXPECT_TRUE(second.gpus.at(0).done);
  EXPECT_THAT(second.gpus.at(1).trouble.what, HasSubstr("cuCtxCreate_v2 did not return"));
  const WorkloadEvidence interrupts = Run("hang-interrupts");
  EXPECT_TRUE(interrupts.gpus.at(1).reached_interrupts) << "the second GPU gets its turn";
  EXPECT_THAT(interrupts.gpus.at(1).trouble.what, HasSubstr("cuEventSynchronize did not return"));
}

TEST_F(WorkloadProbeTest, ACrashInTheLibraryIsAFactAndTheNextGpuGetsItsTurn) {
  const WorkloadEvidence workload = Run("crash");
  ASSERT_EQ(workload.gpus.size(), 2u) << text_;
  EXPECT_THAT(workload.gpus[0].trouble.what, HasSubstr("crashed in cuCtxCreate_v2 (signal 11)"));
  EXPECT_TRUE(workload.gpus[1].done);
}

TEST_F(WorkloadProbeTest, InterruptsThatDoNotArrive) {
  const WorkloadEvidence workload = Run("no-interrupts");
  EXPECT_TRUE(workload.gpus.at(0).done);
  EXPECT_EQ(workload.gpus.at(0).interrupts, 0u);
}

// A link that sleeps to save power takes its time to wake: the best of what is seen counts.
TEST_F(WorkloadProbeTest, TheLinkUnderLoadIsTheBestThatWasSeen) {
  SetLink("2.5 GT/s PCIe", "");
  for (const WorkloadGpu& gpu : Run("link-flickers").gpus) EXPECT_EQ(gpu.link_speed, "16.0 GT/s PCIe") << text_;
  SetLink("2.5 GT/s PCIe", "16.0 GT/s PCIe");
  const WorkloadEvidence woken = Run("link-wakes");
  ASSERT_EQ(woken.gpus.size(), 2u) << text_;
  for (const WorkloadGpu& gpu : woken.gpus) {
    EXPECT_TRUE(gpu.done) << text_;
    EXPECT_EQ(gpu.link_speed, "16.0 GT/s PCIe") << text_;
    EXPECT_EQ(gpu.link_width, 16);
    EXPECT_EQ(gpu.interrupts, 32u) << "without those of the copies that came after";
  }
  SetLink("2.5 GT/s PCIe", "16.0 GT/s PCIe");
  EXPECT_EQ(Run("healthy").gpus.at(0).link_speed, "2.5 GT/s PCIe") << "it does not wake";
}

TEST_F(WorkloadProbeTest, AKernelIsRunAndEachThreadCompared) {
  for (const WorkloadGpu& gpu : Run("healthy").gpus) {
    ASSERT_EQ(gpu.kernels.size(), 2u) << text_;
    EXPECT_EQ(gpu.kernels[0].threads, 1048576u);
    EXPECT_EQ(gpu.kernels[0].wrong + gpu.kernels[1].wrong, 0u);
  }
  const WorkloadEvidence wrong = Run("wrong-kernel");
  EXPECT_EQ(wrong.gpus.at(0).kernels.at(0).wrong, 0u) << text_;
  EXPECT_EQ(wrong.gpus.at(1).kernels.at(0).wrong, 1u) << text_;
  EXPECT_THAT(wrong.gpus.at(1).kernel_mismatch, testing::StartsWith("77777 "));
  EXPECT_EQ(Run("lazy-kernel").gpus.at(0).kernels.at(0).wrong, 1048576u) << "what was there before is no answer";
}

TEST_F(WorkloadProbeTest, WhatKeepsAKernelFromRunningIsSaidAndTheRestStands) {
  const auto trouble_of = [&](const std::string& mode) {
    const WorkloadGpu gpu = Run(mode).gpus.at(1);
    EXPECT_TRUE(gpu.reached_kernel) << text_;
    EXPECT_EQ(gpu.interrupts, 32u) << text_;
    EXPECT_EQ(WrongWords(gpu), 0u);
    return gpu.trouble.what + ". " + gpu.trouble.advice + " " + gpu.compiler_said;
  };
  EXPECT_THAT(trouble_of("no-compiler"), HasSubstr("libnvidia-ptxjitcompiler.so.1"));
  EXPECT_THAT(trouble_of("compiler-refuses"),
              AllOf(HasSubstr("INVALID_PTX (218)"), HasSubstr("FAKE compiler refuses")));
  EXPECT_THAT(trouble_of("launch-fails"), HasSubstr("cuCtxSynchronize failed: CUDA_ERROR_LAUNCH_FAILED (719)"));
  EXPECT_THAT(trouble_of("hang-kernel"), HasSubstr("cuLaunchKernel did not return"));
  const WorkloadGpu old = Run("old-gpu").gpus.at(1);
  EXPECT_TRUE(old.done);
  EXPECT_THAT(old.kernel_skipped, HasSubstr("compute capability 5.0"));
}

TEST_F(WorkloadProbeTest, AsMuchMemoryIsTestedAsAsked) {
  options_.environment["WORKLOAD_MEMORY_PERCENT"] = "100";
  EXPECT_EQ(Run("healthy").gpus.at(0).tested_bytes, 64u << 20);
  EXPECT_EQ(Run("fragmented").gpus.at(0).tested_bytes, 0u) << "less than seven eighths is not what was asked for";
  options_.environment["WORKLOAD_MEMORY_PERCENT"] = "50";
  EXPECT_EQ(Run("healthy").gpus.at(0).tested_bytes, 32u << 20);
  options_.environment["WORKLOAD_MEMORY_PERCENT"] = "40";
  EXPECT_EQ(Run("healthy").gpus.at(0).tested_bytes, 16u << 20) << "in pieces of 16 MiB";
}

// Six GPUs that take two seconds each: nothing of that hangs.
TEST_F(WorkloadProbeTest, TheLimitFollowsFromHowManyThereAre) {
  const WorkloadEvidence all = Run("many");
  ASSERT_EQ(all.gpus.size(), 6u) << text_;
  for (const WorkloadGpu& gpu : all.gpus) EXPECT_TRUE(gpu.done) << gpu.trouble.what;
  options_.environment["PROBE_LIMIT"] = "21";  // 11 for the work
  const WorkloadEvidence some = Run("many");
  ASSERT_FALSE(some.gpus.empty()) << text_;
  EXPECT_THAT(some.gpus.back().trouble.what, HasSubstr("its turn did not end in time"));
}

TEST_F(WorkloadProbeTest, GpusAreNotHiddenByTheEnvironment) {
  for (const char* hidden : {"", "1", "GPU-deadbeef\n2"}) {
    options_.environment["CUDA_VISIBLE_DEVICES"] = hidden;
    const WorkloadEvidence workload = Run("obeys-the-environment");
    EXPECT_EQ(workload.gpu_count, 2) << text_;
    EXPECT_THAT(text_, HasSubstr("\ncuda_visible_devices: \""));
  }
  options_.environment.erase("CUDA_VISIBLE_DEVICES");
  Run("obeys-the-environment");
  EXPECT_THAT(text_, Not(HasSubstr("cuda_visible_devices")));
}

TEST_F(WorkloadProbeTest, FewerGpus) {
  const WorkloadEvidence workload = Run("fewer");
  EXPECT_EQ(workload.gpu_count, 1);
  EXPECT_EQ(workload.gpus.size(), 1u);
}

TEST_F(WorkloadProbeTest, AGpuWithoutAnAddress) {
  EXPECT_THAT(Run("no-bus-id").gpus.at(0).trouble.what, HasSubstr("\"nowhere-at-all\""));
}

TEST_F(WorkloadProbeTest, AMissingFunctionAndAMissingLibrary) {
  options_.environment["LD_LIBRARY_PATH"] = FAKE_WITHOUT_MEMSET_DIRECTORY;
  EXPECT_THAT(Run("healthy").trouble.what, HasSubstr("lacks the function cuMemsetD32_v2"));
  options_.environment["LD_LIBRARY_PATH"] = "/nonexistent";
  if (fs::exists("/lib/x86_64-linux-gnu/libcuda.so.1")) GTEST_SKIP() << "this machine has a CUDA driver";
  EXPECT_THAT(Run("healthy").trouble.what, HasSubstr("cannot be loaded"));
}

TEST_F(WorkloadProbeTest, AMissingProgramIsSaidClearly) {
  options_.environment["WORKLOAD_PROGRAM"] = "/nonexistent/workload";
  EXPECT_THAT(Run("healthy").trouble.what,
              AllOf(HasSubstr("there is no /nonexistent/workload"), HasSubstr("built with the suite")));
}

TEST_F(WorkloadProbeTest, AProgramThatTheNodeCannotRunIsSaidClearly) {
  const fs::path program = directory_.path() / "workload";
  WriteFile(program, "#!/nonexistent/loader\n", 0755);
  options_.environment["WORKLOAD_PROGRAM"] = program;
  EXPECT_THAT(Run("healthy").trouble.what, HasSubstr("cannot run"));
}

// As where /tmp is mounted noexec: the file is there and may not be run.
TEST_F(WorkloadProbeTest, ACopyElsewhereIsRunAndRemoved) {
  const fs::path program = directory_.path() / "workload";
  WriteFile(program, ReadFile(kProgram), 0600);
  options_.environment["WORKLOAD_PROGRAM"] = program;
  EXPECT_EQ(Run("healthy").gpus.size(), 2u) << text_;
  for (const fs::path directory : {"/dev/shm", "/var/tmp"}) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("pcie-workload")));
    }
  }
}

// Nodes have older C libraries than the machine that builds.
TEST_F(WorkloadProbeTest, TheProgramNeedsNoNewCLibrary) {
  if (FindInPath("objdump").empty()) GTEST_SKIP() << "there is no objdump here";
  const std::string symbols =
      RunChild({"objdump", "-T", kProgram.string()}, {}, Deadline::After(std::chrono::minutes(1))).output;
  ASSERT_THAT(symbols, HasSubstr("GLIBC_2.2.5"));
  for (int minor = 18; minor < 60; ++minor) {
    EXPECT_THAT(symbols, Not(HasSubstr("GLIBC_2." + std::to_string(minor))));
  }
}

TEST_F(WorkloadProbeTest, TheProgramTravelsWithItsProbeAlone) {
  const fs::path remote = fs::path(PASSTHROUGH_SOURCE_DIR) / "remote";
  const auto programs = kProgram.parent_path();
  const auto has_program = [&](const std::string& probe, const fs::path& from) {
    return BuildRemoteArchive(remote, {probe}, from)
               .find(
                   "\x7f"
                   "ELF") != std::string::npos;
  };
  EXPECT_TRUE(has_program("workload", programs));
  EXPECT_FALSE(has_program("pci", programs));
  EXPECT_FALSE(has_program("workload", "/nonexistent"));
}

}  // namespace
}  // namespace passthrough
