// The checks of suites/nvidia/workload.cc, on recorded runs: each must fail on its fault, and no other of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "tests/suites/suite_program.h"
#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr char kInitialises[] = "Workload.CudaInitialises/hpc_compute_01";
constexpr char kPlannedGpus[] = "Workload.CudaHasExactlyThePlannedGpus/hpc_compute_01";
constexpr char kMemory[] = "GpuWork.MemoryReturnsWhatWasWritten/hpc_compute_01_0000_01_00_0";
constexpr char kInterrupts[] = "GpuWork.InterruptsArrive/hpc_compute_01_0000_01_00_0";
constexpr char kLink[] = "GpuWork.CopiesUseTheLink/hpc_compute_01_0000_01_00_0";
constexpr char kKernel[] = "GpuWork.ComputesRightly/hpc_compute_01_0000_01_00_0";
constexpr char kAgrees[] = "GpuWork.IsForCudaWhatItIsForNvidiaSmi/hpc_compute_01_0000_01_00_0";

class WorkloadChecksTest : public testing::Test {
 protected:
  // The healthy output with `from` in place of `to`.
  static std::string With(const std::string& from, const std::string& to) {
    std::string text = HealthyWorkload();
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  // The healthy output up to `last`, then `rest` and the end.
  static std::string Until(const std::string& last, const std::string& rest) {
    const std::string text = HealthyWorkload();
    return text.substr(0, text.find(last) + last.size()) + rest + "end: workload\n";
  }

  // What nvidia-smi says of the GPU of the plan, which has MIG on.
  static std::string SmiWithMig(const std::string& current_mig = "Enabled") {
    return "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>\n"
           "<attached_gpus>1</attached_gpus>\n<gpu id=\"00000000:01:00.0\">\n<mig_mode><current_mig>" +
           current_mig + "</current_mig></mig_mode>\n</gpu>\n</nvidia_smi_log>\n";
  }
  // The healthy output with `count` devices of CUDA, of one address; in the last of them
  // `instead` in the place of `broken_one`.
  static std::string Instances(int count, const std::string& broken_one = "", const std::string& instead = "") {
    const std::string whole = HealthyWorkload();
    const size_t begin = whole.find("gpu: 0\n");
    const size_t end = whole.find("end: workload");
    std::string text = whole.substr(0, begin);
    text.replace(text.find("gpu_count: 1"), 12, "gpu_count: " + std::to_string(count));
    for (int i = 0; i < count; ++i) {
      std::string block = whole.substr(begin, end - begin);
      if (i == count - 1 && !broken_one.empty()) block.replace(block.find(broken_one), broken_one.size(), instead);
      text += block;
    }
    return text + "end: workload\n";
  }

  // Replays a run whose probe workload printed `text`; the failed checks by name, with what they said in said_.
  std::set<std::string> FailedOn(const std::string& text) {
    const auto run = directory_.path() / "run";
    std::map<std::string, std::string> probes{{"workload", text}, {"pci", HealthyPci()}};
    if (!smi_.empty()) probes["nvidia_smi_xml"] = smi_;
    WriteRecordedRun(run, probes);
    if (slot_is_known_) NoteTheSlot(run);
    const auto xml = directory_.path() / "gtest.xml";
    said_ =
        RunSuite({"--replay", run.string(), "--gtest_filter=Workload*:GpuWork*", "--gtest_output=xml:" + xml.string()})
            .output;
    const JunitReport report = ReadJunit(xml);
    EXPECT_EQ(report.all.size(), 7u) << said_;
    skipped_ = report.skipped;
    if (smi_.empty() && slot_is_known_) {
      EXPECT_THAT(skipped_, IsEmpty());
    }
    std::set<std::string> failed;
    for (const std::string& name : report.failed) failed.insert(name);
    return failed;
  }

  const TemporaryDirectory directory_{"workload-checks"};
  std::string said_;
  bool slot_is_known_ = true;  // to the host
  std::string smi_;            // what nvidia-smi -q -x printed; empty: it was not run
  std::set<std::string> skipped_;
};

TEST_F(WorkloadChecksTest, PassOnAHealthyGpu) { EXPECT_THAT(FailedOn(HealthyWorkload()), IsEmpty()) << said_; }

TEST_F(WorkloadChecksTest, WrongData) {
  EXPECT_THAT(FailedOn(With("pattern: checkerboard 0",
                            "mismatch: checkerboard 0x1000 5555555555555555 "
                            "5555555545555555\npattern: checkerboard 1")),
              UnorderedElementsAre(kMemory));
  EXPECT_THAT(said_, AllOf(HasSubstr("other data than was written: 1 word of 64 bits of 256 MiB"),
                           HasSubstr("offset 0x1000: 5555555545555555, expected 5555555555555555")));
}

TEST_F(WorkloadChecksTest, NoInterrupts) {
  EXPECT_THAT(FailedOn(With("interrupts: 34", "interrupts: 0")), UnorderedElementsAre(kInterrupts));
  EXPECT_THAT(said_, HasSubstr("no interrupt arrived (msi)"));
}

TEST_F(WorkloadChecksTest, NothingWakesTheSleeper) {
  EXPECT_THAT(FailedOn(Until("interrupt_lines: 1\n", "hung: cuEventSynchronize 20\n")),
              UnorderedElementsAre(kInterrupts, kKernel));
  EXPECT_THAT(said_, HasSubstr("cuEventSynchronize did not return within 20 s"));
}

TEST_F(WorkloadChecksTest, AbsurdlySlowCopies) {
  EXPECT_THAT(FailedOn(With("from_device_best_gb_per_s: 26.351", "from_device_best_gb_per_s: 0.201")),
              UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("copies from GPU 0000:01:00.0 reach 0.201 GB/s"));
}

// The healthy link carries 31.5 GB/s.
TEST_F(WorkloadChecksTest, CopiesThatUseLessThanHalfOfTheLinkAreANote) {
  EXPECT_THAT(FailedOn(With("from_device_best_gb_per_s: 26.351", "from_device_best_gb_per_s: 1.580")),
              UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("reach 1.580 GB/s, 5.0 % of what its link (16.0 GT/s PCIe x16) carries"));
  smi_ = SmiWithMig("Disabled");  // so that notes are expected
  EXPECT_THAT(FailedOn(With("from_device_best_gb_per_s: 26.351", "from_device_best_gb_per_s: 4.100")), IsEmpty());
  EXPECT_THAT(skipped_, UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("13.0 % of what its link"));
}

TEST_F(WorkloadChecksTest, ALinkThatIsSlowUnderLoad) {
  std::string text = With("link_speed_under_load: 16.0 GT/s PCIe", "link_speed_under_load: 2.5 GT/s PCIe");
  // Copies that no such link carries: what sysfs says is not about them.
  EXPECT_THAT(FailedOn(text), IsEmpty()) << said_;
  for (const char* rate : {"25.530", "26.351"}) text.replace(text.find(rate), 6, " 3.100");
  EXPECT_THAT(FailedOn(text), UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("its PCIe link runs at generation 1 (2.5 GT/s PCIe), it can run at 4 in its slot"));
  slot_is_known_ = false;
  EXPECT_THAT(FailedOn(text), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("The host does not tell what its slot can"));
}

// A narrow link is another check's matter; a GPU without a link has nothing to compare with.
TEST_F(WorkloadChecksTest, ANarrowLinkAndNoneAreNotSlow) {
  EXPECT_THAT(FailedOn(With("link_width_under_load: 16", "link_width_under_load: 8")), IsEmpty()) << said_;
  EXPECT_THAT(FailedOn(With("link_speed_under_load: 16.0 GT/s PCIe\nlink_width_under_load: 16\n", "")), IsEmpty());
}

TEST_F(WorkloadChecksTest, NoLibrary) {
  EXPECT_THAT(FailedOn("program: workload 1\nlibrary_error: libcuda.so.1: cannot open shared object file: No such "
                       "file or directory\nend: workload\n"),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
  EXPECT_THAT(said_, HasSubstr("CUDA's driver library cannot be loaded: libcuda.so.1: cannot open"));
}

TEST_F(WorkloadChecksTest, InitialisationFails) {
  EXPECT_THAT(FailedOn(Until("libcuda.so.1\n", "error: cuInit 802 CUDA_ERROR_SYSTEM_NOT_READY\n")),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
  EXPECT_THAT(said_,
              AllOf(HasSubstr("cuInit failed: CUDA_ERROR_SYSTEM_NOT_READY (802)"), HasSubstr("nvidia-fabricmanager")));
}

TEST_F(WorkloadChecksTest, AnotherGpuThanPlanned) {
  EXPECT_THAT(FailedOn(With("pci_bus_id: 0000:01:00.0", "pci_bus_id: 0000:05:00.0")),
              UnorderedElementsAre(kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
  EXPECT_THAT(said_, HasSubstr("CUDA has GPUs at 0000:05:00.0, the node was given GPUs at 0000:01:00.0"));
}

TEST_F(WorkloadChecksTest, AGpuTooMany) {
  EXPECT_THAT(FailedOn(With("gpu_count: 1", "gpu_count: 2")), UnorderedElementsAre(kPlannedGpus));
}

TEST_F(WorkloadChecksTest, AKernelThatComputesWrongResults) {
  EXPECT_THAT(FailedOn(With("kernel: 1048576 0", "kernel_mismatch: 77777 1d9426a9 1d9427a9\nkernel: 1048576 1")),
              UnorderedElementsAre(kKernel));
  EXPECT_THAT(said_, HasSubstr("GPU 0000:01:00.0 computed wrong results: 1 of 1048576 threads"));
}

TEST_F(WorkloadChecksTest, WorkThatWasNotDone) {
  EXPECT_THAT(FailedOn(With("kernel: 1048576 0", "kernel: 0 0")), UnorderedElementsAre(kKernel));
  EXPECT_THAT(said_, HasSubstr("with no thread, so that nothing was computed"));
  EXPECT_THAT(FailedOn(With("pattern: memset 0\n", "")), UnorderedElementsAre(kMemory));
  EXPECT_THAT(said_, HasSubstr("its memory was tested with 4 of 5 patterns"));
}

TEST_F(WorkloadChecksTest, FewerInterruptsThanWaits) {
  smi_ = HealthyNvidiaSmiXml();
  EXPECT_THAT(FailedOn(With("interrupts: 34", "interrupts: 1")), IsEmpty());
  EXPECT_THAT(said_, HasSubstr("only 1 interrupt arrived while the program slept 32 times"));
  EXPECT_THAT(FailedOn(With("interrupts: 34", "interrupts: 20")), IsEmpty());
  EXPECT_THAT(said_, Not(HasSubstr("arrived while")));
  EXPECT_THAT(FailedOn(With("interrupts: 34", "interrupts: 0")), UnorderedElementsAre(kInterrupts));
}

TEST_F(WorkloadChecksTest, AKernelThatCannotBeCompiledOrLaunched) {
  EXPECT_THAT(FailedOn(Until("compute_capability: 8.9\n",
                             "kernel_error: cuModuleLoadDataEx 221 CUDA_ERROR_JIT_COMPILER_NOT_FOUND\n")),
              UnorderedElementsAre(kKernel));
  EXPECT_THAT(said_, HasSubstr("libnvidia-ptxjitcompiler.so.1"));
  EXPECT_THAT(FailedOn(Until("compute_capability: 8.9\n", "hung: cuCtxSynchronize 20\n")),
              UnorderedElementsAre(kKernel));
  smi_ = HealthyNvidiaSmiXml();
  EXPECT_THAT(FailedOn(Until("compute_capability: 8.9\n", "kernel_skipped: it is too old\ndone: yes\n")), IsEmpty());
  EXPECT_THAT(said_, HasSubstr("no kernel was tried on it: it is too old"));
}

TEST_F(WorkloadChecksTest, CudaAndNvidiaSmiOnOneGpu) {
  const std::string healthy =
      "<uuid>GPU-fafafafa-fafa-fafa-fafa-fafafafafa00</uuid><fb_memory_usage><total>24564 MiB</total>"
      "<reserved>351 MiB</reserved></fb_memory_usage>";
  smi_ = HealthyNvidiaSmiXml(healthy);
  EXPECT_THAT(FailedOn(HealthyWorkload()), IsEmpty()) << said_;
  EXPECT_THAT(FailedOn(With("fafafafafa00\n", "fafafafafa01\n")), UnorderedElementsAre(kAgrees));
  EXPECT_THAT(said_, HasSubstr("and GPU-fafafafa-fafa-fafa-fafa-fafafafafa00 for nvidia-smi"));
  EXPECT_THAT(FailedOn(With("memory_bytes: 25386352640", "memory_bytes: 12386352640")), UnorderedElementsAre(kAgrees));
  EXPECT_THAT(said_, HasSubstr("has 11812 MiB of memory for CUDA and 24564 MiB for nvidia-smi"));
  EXPECT_THAT(FailedOn(With("free_bytes: 24946671616", "free_bytes: 104857600")), IsEmpty()) << said_;
  EXPECT_THAT(said_, HasSubstr("100 MiB of 24210 MiB of its memory are free"));
  smi_ = HealthyNvidiaSmiXml(healthy +
                             "<pci><pci_gpu_link_info><link_widths><current_link_width>16x"
                             "</current_link_width></link_widths></pci_gpu_link_info></pci>");
  EXPECT_THAT(FailedOn(With("link_width_under_load: 16", "link_width_under_load: 4")), UnorderedElementsAre(kAgrees));
}

TEST_F(WorkloadChecksTest, InstancesOfMigAreOneGpu) {
  smi_ = SmiWithMig();
  EXPECT_THAT(FailedOn(Instances(3)), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, IsEmpty());
  EXPECT_THAT(FailedOn(HealthyWorkload()), IsEmpty()) << "before release 570 there was one: " << said_;
}

TEST_F(WorkloadChecksTest, EachInstanceOfMigIsJudged) {
  smi_ = SmiWithMig();
  EXPECT_THAT(FailedOn(Instances(3, "pattern: memset 0", "pattern: memset 7")), UnorderedElementsAre(kMemory));
  EXPECT_THAT(said_, HasSubstr("GPU 0000:01:00.0 (CUDA device 3 of its 3) returned other data"));
  EXPECT_THAT(FailedOn(Instances(2, "\ninterrupts: 34", "\ninterrupts: 0")), UnorderedElementsAre(kInterrupts));
  EXPECT_THAT(FailedOn(Instances(2, "\nto_device_best_gb_per_s: 25.530", "\nto_device_best_gb_per_s: 0.1")),
              UnorderedElementsAre(kLink));
}

TEST_F(WorkloadChecksTest, TwiceTheSameGpuWithoutMigIsOneTooMany) {
  EXPECT_THAT(FailedOn(Instances(2)), UnorderedElementsAre(kPlannedGpus));
  smi_ = SmiWithMig("Disabled");
  EXPECT_THAT(FailedOn(Instances(2)), UnorderedElementsAre(kPlannedGpus));
}

TEST_F(WorkloadChecksTest, MigDoesNotExcuseNoGpuAtAllNorAForeignOne) {
  smi_ = SmiWithMig();
  EXPECT_THAT(FailedOn("program: workload 1\ngpu_count: 0\nend: workload\n"),
              UnorderedElementsAre(kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
  EXPECT_THAT(FailedOn(With("pci_bus_id: 0000:01:00.0", "pci_bus_id: 0000:05:00.0")),
              UnorderedElementsAre(kPlannedGpus));
  EXPECT_THAT(skipped_, UnorderedElementsAre(kMemory, kInterrupts, kLink, kKernel, kAgrees));
  EXPECT_THAT(FailedOn(With("gpu_count: 1", "gpu_count: 2")), UnorderedElementsAre(kPlannedGpus));
}

// Before driver release 570 CUDA hides GPUs beside one that has MIG on: every report names them, none as passed.
TEST_F(WorkloadChecksTest, AGpuThatMigHidesIsNoFailureAndNotGreen) {
  smi_ = SmiWithMig();
  FailedOn(With("pci_bus_id: 0000:01:00.0", "pci_bus_id: 0000:05:00.0"));
  EXPECT_THAT(said_,
              HasSubstr(std::string("NOTE: not checked: ") + kMemory +
                        ": hpc_compute_01: CUDA does not show GPU 0000:01:00.0, so that it was not put to work"));
  const std::string run = (directory_.path() / "run").string();
  const ChildResult alone = RunSuite({"--replay", run, "--gtest_filter=GpuWork*"});
  EXPECT_EQ(alone.exit_status, 77) << "as ctest, which runs one check at a time, knows a skipped one";
  EXPECT_THAT(alone.output, AllOf(HasSubstr("5 checks, 5 not checked, no failure"), Not(HasSubstr("all passed"))));
}

// Since 570 it hides none but the one that is divided.
TEST_F(WorkloadChecksTest, MigOfAnotherGpuExcusesNone) {
  smi_ =
      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n<nvidia_smi_log>\n"
      "<driver_version>595.84</driver_version>\n<attached_gpus>2</attached_gpus>\n"
      "<gpu id=\"00000000:05:00.0\"><mig_mode><current_mig>Enabled</current_mig></mig_mode></gpu>\n"
      "<gpu id=\"00000000:01:00.0\"><mig_mode><current_mig>Disabled</current_mig></mig_mode></gpu>\n"
      "</nvidia_smi_log>\n";
  EXPECT_THAT(FailedOn(With("pci_bus_id: 0000:01:00.0", "pci_bus_id: 0000:05:00.0")),
              UnorderedElementsAre(kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
}

TEST_F(WorkloadChecksTest, AStandInIsNoDriver) {
  EXPECT_THAT(FailedOn(With("library_path:", "stand_in: a FAKE libcuda\nlibrary_path:")),
              UnorderedElementsAre(kInitialises));
  EXPECT_THAT(said_, HasSubstr("is a stand-in: a FAKE libcuda"));
}

TEST_F(WorkloadChecksTest, AProgramThatWasNotSent) {
  EXPECT_THAT(FailedOn("program_error: there is no /tmp/x/programs/workload: it is built with the suite\n"
                       "end: workload\n"),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink, kKernel, kAgrees));
}

TEST_F(WorkloadChecksTest, AreNoPartOfARunOnAStubDriverAndTheReportSaysSo) {
  const auto run = directory_.path() / "run";
  WriteRecordedRun(run, {{"pci", HealthyPci()}}, "a stand-in of a test");
  const std::string listed = RunSuite({"--replay", run.string(), "--gtest_list_tests"}).output;
  EXPECT_THAT(listed, AllOf(HasSubstr("PciDevice."), Not(HasSubstr("Workload.")), Not(HasSubstr("GpuWork."))));
  const ChildResult replay = RunSuite({"--replay", run.string(), "--gtest_filter=PciVisibility*"});
  EXPECT_THAT(replay.output, HasSubstr("NOTE: not checked: the GPUs at work"));
  EXPECT_EQ(replay.exit_status, 0) << replay.output;
}

TEST(WorkloadListTest, NeedsNoClusterToKnowWhetherTheChecksApply) {
  EXPECT_THAT(RunSuite({"--profile", "lab", "--lab-dir", "/nonexistent", "--gtest_list_tests"}).output,
              AllOf(HasSubstr("PciDevice."), Not(HasSubstr("Workload."))));
  EXPECT_THAT(RunSuite({"--profile", "host", "--gtest_list_tests"}).output,
              AllOf(HasSubstr("Workload."), HasSubstr("GpuWork.")));
}

}  // namespace
}  // namespace passthrough
