// The checks of suites/workload.cc, on recorded runs: each must fail on its fault, and no other of them.
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

  // Judges a run whose probe workload printed `text`; the failed checks by name, with what they said in said_.
  std::set<std::string> FailedOn(const std::string& text) {
    const auto run = directory_.path() / "run";
    WriteRecordedRun(run, {{"workload", text}, {"pci", HealthyPci()}});
    const auto xml = directory_.path() / "gtest.xml";
    said_ = RunSuite({"--replay", run.string(), "--gtest_filter=Workload*:GpuWork*",
                      "--gtest_output=xml:" + xml.string()})
                .output;
    const JunitReport report = ReadJunit(xml);
    EXPECT_EQ(report.all.size(), 5u) << said_;
    EXPECT_THAT(report.skipped, IsEmpty());
    std::set<std::string> failed;
    for (const std::string& name : report.failed) failed.insert(name);
    return failed;
  }

  const TemporaryDirectory directory_{"workload-checks"};
  std::string said_;
};

TEST_F(WorkloadChecksTest, PassOnAHealthyGpu) { EXPECT_THAT(FailedOn(HealthyWorkload()), IsEmpty()) << said_; }

TEST_F(WorkloadChecksTest, WrongData) {
  EXPECT_THAT(FailedOn(With("pattern: checkerboard 0", "mismatch: checkerboard 0x1000 5555555555555555 "
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
              UnorderedElementsAre(kInterrupts));
  EXPECT_THAT(said_, HasSubstr("cuEventSynchronize did not return within 20 s"));
}

TEST_F(WorkloadChecksTest, AbsurdlySlowCopies) {
  EXPECT_THAT(FailedOn(With("from_device_best_gb_per_s: 26.351", "from_device_best_gb_per_s: 0.201")),
              UnorderedElementsAre(kLink));
  EXPECT_THAT(said_, HasSubstr("copies from GPU 0000:01:00.0 reach 0.201 GB/s"));
}

// A narrow or idle link is another check's matter; a GPU without a link has nothing to compare with.
TEST_F(WorkloadChecksTest, ASlowLinkIsNotSlowCopies) {
  EXPECT_THAT(FailedOn(With("link_speed_under_load: 16.0 GT/s PCIe", "link_speed_under_load: 2.5 GT/s PCIe")),
              IsEmpty());
  EXPECT_THAT(FailedOn(With("link_speed_under_load: 16.0 GT/s PCIe\nlink_width_under_load: 16\n", "")), IsEmpty());
}

TEST_F(WorkloadChecksTest, NoLibrary) {
  EXPECT_THAT(FailedOn("program: workload 1\nlibrary_error: libcuda.so.1: cannot open shared object file: No such "
                       "file or directory\nend: workload\n"),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink));
  EXPECT_THAT(said_, HasSubstr("CUDA's driver library cannot be loaded: libcuda.so.1: cannot open"));
}

TEST_F(WorkloadChecksTest, InitialisationFails) {
  EXPECT_THAT(FailedOn(Until("libcuda.so.1\n", "error: cuInit 802 CUDA_ERROR_SYSTEM_NOT_READY\n")),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink));
  EXPECT_THAT(said_, AllOf(HasSubstr("cuInit failed: CUDA_ERROR_SYSTEM_NOT_READY (802)"),
                           HasSubstr("nvidia-fabricmanager")));
}

TEST_F(WorkloadChecksTest, AnotherGpuThanPlanned) {
  EXPECT_THAT(FailedOn(With("pci_bus_id: 0000:01:00.0", "pci_bus_id: 0000:05:00.0")),
              UnorderedElementsAre(kPlannedGpus, kMemory, kInterrupts, kLink));
  EXPECT_THAT(said_, HasSubstr("CUDA has GPUs at 0000:05:00.0, the node was given GPUs at 0000:01:00.0"));
}

TEST_F(WorkloadChecksTest, AGpuTooMany) {
  EXPECT_THAT(FailedOn(With("gpu_count: 1", "gpu_count: 2")), UnorderedElementsAre(kPlannedGpus));
}

TEST_F(WorkloadChecksTest, AStandInIsNoDriver) {
  EXPECT_THAT(FailedOn(With("library_path:", "stand_in: a FAKE libcuda\nlibrary_path:")),
              UnorderedElementsAre(kInitialises));
  EXPECT_THAT(said_, HasSubstr("is a stand-in: a FAKE libcuda"));
}

TEST_F(WorkloadChecksTest, AProgramThatWasNotSent) {
  EXPECT_THAT(FailedOn("program_error: there is no /tmp/x/programs/workload: it is built with the suite\n"
                       "end: workload\n"),
              UnorderedElementsAre(kInitialises, kPlannedGpus, kMemory, kInterrupts, kLink));
}

TEST_F(WorkloadChecksTest, AreNoPartOfARunOnAStubDriverAndTheReportSaysSo) {
  const auto run = directory_.path() / "run";
  WriteRecordedRun(run, {{"pci", HealthyPci()}}, "a stand-in of a test");
  const std::string listed = RunSuite({"--replay", run.string(), "--gtest_list_tests"}).output;
  EXPECT_THAT(listed, AllOf(HasSubstr("PciDevice."), Not(HasSubstr("Workload.")), Not(HasSubstr("GpuWork."))));
  const ChildResult judged = RunSuite({"--replay", run.string(), "--gtest_filter=PciVisibility*"});
  EXPECT_THAT(judged.output, HasSubstr("NOTE: not checked: the GPUs at work"));
  EXPECT_EQ(judged.exit_status, 0) << judged.output;
}

TEST(WorkloadListTest, NeedsNoClusterToKnowWhetherTheChecksApply) {
  EXPECT_THAT(RunSuite({"--profile", "lab", "--lab-dir", "/nonexistent", "--gtest_list_tests"}).output,
              AllOf(HasSubstr("PciDevice."), Not(HasSubstr("Workload."))));
  EXPECT_THAT(RunSuite({"--profile", "host", "--gtest_list_tests"}).output,
              AllOf(HasSubstr("Workload."), HasSubstr("GpuWork.")));
}

}  // namespace
}  // namespace passthrough
