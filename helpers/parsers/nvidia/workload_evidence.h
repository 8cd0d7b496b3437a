// What the probe "workload" printed: what CUDA's driver API said, and how each GPU did at work. See
// remote/nvidia/workload/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"

namespace passthrough {

// How far the work came, of the machine or of one GPU, where it did not come to its end.
struct WorkloadTrouble {
  std::string what;    // "cuInit failed: CUDA_ERROR_NO_DEVICE (100): …"; empty: there was none
  std::string advice;  // a sentence
  int line = 0;
  explicit operator bool() const { return !what.empty(); }
};

// How many the program writes, one after the other.
inline constexpr size_t kWorkloadPatterns = 5;

// One pattern, written to all of the tested memory and read back.
struct WorkloadPattern {
  std::string name;          // "address", "memset", …
  uint64_t wrong_words = 0;  // of 64 bits
  int line = 0;
};

struct WorkloadMismatch {
  std::string pattern;
  uint64_t offset = 0;  // bytes into the tested memory
  uint64_t expected = 0;
  uint64_t found = 0;
  int line = 0;
};

// A launch of the kernel: what each of its threads computed against the one right result.
struct WorkloadKernel {
  uint64_t threads = 0;
  uint64_t wrong = 0;
  int line = 0;
};

struct WorkloadGpu {
  int line = 0;
  std::string name;
  std::string uuid;                  // "GPU-…"
  std::optional<PciAddress> bus_id;  // in the node; absent where CUDA did not say
  uint64_t tested_bytes = 0;
  std::optional<uint64_t> memory_bytes;  // all that CUDA has
  std::optional<uint64_t> free_bytes;    // before anything was allocated but the context
  int memory_line = 0;
  int free_line = 0;
  int uuid_line = 0;
  std::vector<WorkloadPattern> patterns;
  std::vector<WorkloadMismatch> mismatches;  // the first few of each pattern
  // GB/s, 10^9 bytes a second, of copies of 16 MiB from and to page-locked memory: the fastest.
  std::optional<double> to_device;
  std::optional<double> from_device;
  int rate_line = 0;
  // The link as sysfs had it while copies were under way, at its fastest; empty and absent where it has none.
  std::string link_speed;
  int link_line = 0;
  std::optional<int> link_width;
  // While the processor waited `waits` times in its sleep.
  std::optional<uint64_t> interrupts;
  std::optional<int> waits;
  std::string interrupt_kind;  // "msi", "intx", "none"
  int interrupts_line = 0;
  bool reached_interrupts = false;  // the trouble, if there is one, came then or later
  bool reached_kernel = false;      // the trouble, if there is one, came then
  int kernel_line = 0;              // where that part begins
  std::vector<WorkloadKernel> kernels;
  std::string kernel_mismatch;  // of the first wrong thread: "77777 12345678 12345778": thread, expected, found
  std::string kernel_skipped;   // why none was tried; empty: it was
  std::string compiler_said;    // where the driver's compiler refused the kernel; may be empty
  WorkloadTrouble trouble;
  bool done = false;
};

struct WorkloadEvidence : EvidenceFile {
  static constexpr char kProbe[] = "workload";

  std::string library_path;
  std::string stand_in;  // what says of itself that it is no driver; empty: nothing
  int stand_in_line = 0;
  std::optional<int> driver_api_version;  // 12040: CUDA 12.4
  std::optional<int> gpu_count;
  int gpu_count_line = 0;
  // The program, the library or its initialisation: then there are no GPUs below.
  WorkloadTrouble trouble;
  std::vector<WorkloadGpu> gpus;
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static WorkloadEvidence Parse(std::string_view text, const std::filesystem::path& path);
  // Empty where CUDA has no such GPU. Where MIG is on, CUDA has a device for each of its instances, with the same
  // address.
  std::vector<const WorkloadGpu*> FindAll(const PciAddress& address) const;
};

}  // namespace passthrough
