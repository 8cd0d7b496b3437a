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
      // As nvidia-smi has the GPU of the lab.
      "uuid=$(sed -n 's,.*<uuid>\\(.*\\)</uuid>.*,\\1,p' nvidia_smi_xml.txt | head -n 1)\n"
      "mib=$(sed -n '/<fb_memory_usage>/,/<.fb_memory_usage>/s,.*<total>\\([0-9]*\\) MiB.*,\\1,p' nvidia_smi_xml.txt | "
      "head -n 1)\n"
      "sed -e \"s/^pci_bus_id:.*/pci_bus_id: $gpu/; s/^uuid:.*/uuid: $uuid/; "
      "s/^\\(memory\\|free\\)_bytes:.*/\\1_bytes: $((mib * 1048576))/\" healthy.txt | sed -e '{0}' >workload.txt\n"
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
      {.id = "N22f",
       .name = "copies to the GPU use a twentieth of its link",
       .in_evidence = WorkWith("s/^to_device_best_gb_per_s: .*/to_device_best_gb_per_s: 1.580/"),
       .fails = {"GpuWork.CopiesUseTheLink"},
       .says = {{"GpuWork.CopiesUseTheLink", "reach 1.580 GB/s, 5.0 % of what its link"}}},
      {.id = "N22g",
       .name = "copies from the GPU stay below what the profile demands of its link",
       .in_evidence = "# a run on a real driver, of a profile with least_link_percent: 70\n"
                      "sed -i 's/\"least_link_percent\": 0/\"least_link_percent\": 70/' run.json\n" +
                      WorkWith("s/^from_device_best_gb_per_s: .*/from_device_best_gb_per_s: 20.5/"),
       .fails = {"GpuWork.CopiesUseTheLink"},
       .says = {{"GpuWork.CopiesUseTheLink", "65.1 % of what its link"}}},
      {.id = "N27e",
       .name = "the GPU computes wrong results",
       .in_evidence = WorkWith("s/^kernel: 1048576 0/kernel_mismatch: 77777 1d9426a9 1d9427a9\\nkernel: 1048576 1/"),
       .fails = {"GpuWork.ComputesRightly"},
       .says = {{"GpuWork.ComputesRightly", "computed wrong results: 1 of 1048576 threads"}}},
      {.id = "N27f",
       .name = "the driver's compiler for kernels is not installed",
       .in_evidence = WorkWith("/^compile_seconds:/,/^done:/d; s/^compute_capability:.*/&\\nkernel_error: "
                               "cuModuleLoadDataEx 221 CUDA_ERROR_JIT_COMPILER_NOT_FOUND/"),
       .fails = {"GpuWork.ComputesRightly"},
       .says = {{"GpuWork.ComputesRightly", "libnvidia-ptxjitcompiler.so.1"}}},
      {.id = "N27g",
       .name = "a kernel is launched and ends with a fault",
       .in_evidence = WorkWith("/^kernel:/,/^done:/d; s/^compile_seconds:.*/&\\nkernel_error: cuCtxSynchronize 719 "
                               "CUDA_ERROR_LAUNCH_FAILED/"),
       .fails = {"GpuWork.ComputesRightly"},
       .says = {{"GpuWork.ComputesRightly", "it did not run a kernel: cuCtxSynchronize failed"}}},
      {.id = "N27h",
       .name = "CUDA has less memory than nvidia-smi says",
       .in_evidence = WorkWith("s/^memory_bytes:.*/memory_bytes: 1048576/; s/^free_bytes:.*/free_bytes: 1048576/"),
       .fails = {"GpuWork.IsForCudaWhatItIsForNvidiaSmi"},
       .says = {{"GpuWork.IsForCudaWhatItIsForNvidiaSmi", "has 1 MiB of memory for CUDA"}}},
      {.id = "N27i",
       .name = "CUDA's UUID of the GPU is not nvidia-smi's",
       .in_evidence = WorkWith("s/^uuid:.*/uuid: GPU-00000000-1111-2222-3333-444444444444/"),
       .fails = {"GpuWork.IsForCudaWhatItIsForNvidiaSmi"},
       .says = {{"GpuWork.IsForCudaWhatItIsForNvidiaSmi", "has UUID GPU-00000000-1111"}}},
  };
  for (Fault& fault : faults) fault.mode = FaultMode::kReplay;
  return faults;
}

}  // namespace passthrough
