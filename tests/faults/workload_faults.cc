// What can be wrong with GPUs at work. The lab's driver is a stub without CUDA, on which these checks are no part of
// a run: they are planted in evidence, beside what the workload probe prints of a healthy GPU.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

// The run's evidence as of a real driver, with what `sed` makes of a healthy GPU's work.
std::string WorkWith(const std::string& sed) {
  return fmt::format(
      "# a run on a real driver, whose workload probe printed other text: {0}\n"
      "sed -i 's/\"stub_driver\": \"[^\"]*\"/\"stub_driver\": \"\"/' run.json\n"
      "cd evidence/hpc_compute_01\n"
      "gpu=$(awk '/^function:/ {{ f = $2 }} /^device: 0x2684/ {{ print f }}' pci.txt)\n"
      "cat >healthy.txt <<'END'\n{1}END\n"
      "sed -e \"s/^pci_bus_id:.*/pci_bus_id: $gpu/\" healthy.txt | sed -e '{0}' >workload.txt\n"
      "sed -i 's/\"probes\": \\[/&{{\"probe\": \"workload\", \"complete\": true, \"exit_status\": 0, \"signal\": 0, "
      "\"timed_out\": false, \"limit_seconds\": 90, \"skipped\": false, \"truncated\": false, "
      "\"seconds\": 5.0}},/' collection.json\n",
      sed, HealthyWorkload());
}

}  // namespace

std::vector<Fault> WorkloadFaults() {
  std::vector<Fault> faults = {
      {.id = "N26",
       .name = "the GPU's interrupts do not arrive",
       .in_evidence = WorkWith("s/^interrupts: 34/interrupts: 0/"),
       .fails = {"GpuWork.InterruptsArrive"},
       .says = {{"GpuWork.InterruptsArrive", "no interrupt arrived"}}},
      {.id = "N27",
       .name = "the GPU's memory returns other data than was written",
       .in_evidence = WorkWith("s/^pattern: checkerboard 0/mismatch: checkerboard 0x1000 5555555555555555 "
                               "5555555545555555\\npattern: checkerboard 1/"),
       .fails = {"GpuWork.MemoryReturnsWhatWasWritten"},
       .says = {{"GpuWork.MemoryReturnsWhatWasWritten", "returned other data than was written: 1 word"}}},
      {.id = "N27b",
       .name = "CUDA's driver library is missing, though the driver is a real one",
       .in_evidence = WorkWith("/^library:/,/^done:/d; "
                               "s/^program:.*/&\\nlibrary_error: libcuda.so.1: cannot open shared object file/"),
       .fails = {"Workload.*", "GpuWork.*"},
       .says = {{"Workload.CudaInitialises", "cannot be loaded: libcuda.so.1"}}},
      {.id = "N27c",
       .name = "CUDA has another GPU than the node was given",
       .in_evidence = WorkWith("s/^pci_bus_id:.*/pci_bus_id: 0000:77:00.0/"),
       .fails = {"Workload.CudaHasExactlyThePlannedGpus", "GpuWork.*"},
       .says = {{"Workload.CudaHasExactlyThePlannedGpus", "CUDA has GPUs at 0000:77:00.0"}}},
      {.id = "N27d",
       .name = "copies to the GPU are absurdly slow",
       .in_evidence = WorkWith("s/^to_device_best_gb_per_s: .*/to_device_best_gb_per_s: 0.2/"),
       .fails = {"GpuWork.CopiesUseTheLink"},
       .says = {{"GpuWork.CopiesUseTheLink", "reach 0.200 GB/s"}}},
  };
  for (Fault& fault : faults) fault.mode = FaultMode::kReplay;
  return faults;
}

}  // namespace passthrough
