#include "helpers/parsers/nvidia/workload_evidence.h"

#include <fmt/format.h>

#include <charconv>

#include "helpers/base/text.h"
#include "helpers/parsers/nvidia/cuda_errors.h"

namespace passthrough {
namespace {

constexpr char kReadItsErrors[] =
    "Read workload.stderr.txt beside this file, if it is there, and look for NVRM, Xid and "
    "\"Out of memory\" in the node's kernel log.";

constexpr size_t kMostGpus = 256;  // instances of MIG count
constexpr int64_t kMostBytes = int64_t{1} << 50;

// "cuInit 802 CUDA_ERROR_SYSTEM_NOT_READY"
WorkloadTrouble ReadError(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  int number = 0;
  if (words.size() != 3 || !ReadWhole(words[1], &number, 10)) {
    file.ThrowUnlike(fact, "\"function number name\"");
  }
  const CudaErrorMeaning* known = FindCudaError(number);
  WorkloadTrouble trouble;
  trouble.what = fmt::format("{} failed: {} ({}){}{}", words[0], words[2], number, known != nullptr ? ": " : "",
                             known != nullptr ? known->meaning : "");
  trouble.advice = known != nullptr ? known->advice : "Look for NVRM and Xid in the node's kernel log.";
  trouble.line = fact.line;
  return trouble;
}

// "cuMemAlloc_v2 20": a function, and seconds (hung) or a signal (crashed).
WorkloadTrouble ReadEnd(const FactFile& file, const Fact& fact, bool hung) {
  const auto words = SplitWords(fact.value);
  int number = 0;
  if (words.size() != 2 || !ReadWhole(words[1], &number, 10)) {
    file.ThrowUnlike(fact, "\"function number\"");
  }
  WorkloadTrouble trouble;
  trouble.what = hung ? fmt::format("{} did not return within {} s", words[0], number)
                      : fmt::format("the library crashed in {} (signal {})", words[0], number);
  trouble.advice =
      "Look for NVRM and Xid in the node's kernel log, and for the IOMMU's faults in the "
      "host's.";
  trouble.line = fact.line;
  return trouble;
}

// "cuMemcpyHtoD_v2 115": what was being called, and seconds for all GPUs.
WorkloadTrouble ReadTimeRanOut(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  int number = 0;
  if (words.size() != 2 || !ReadWhole(words[1], &number, 10)) {
    file.ThrowUnlike(fact, "\"function number\"");
  }
  return {
      fmt::format("its turn did not end in time: all GPUs together had {} s, and the work was in {}", number, words[0]),
      "Nothing hung. Raise time_limits.probe_scale of the profile, or lower gpu_memory_percent.", fact.line};
}

// The first thing that went wrong in `block`: what follows it follows from it.
WorkloadTrouble FirstTrouble(const FactFile& file, const FactBlock& block) {
  for (const Fact& fact : block.facts) {
    if (fact.key == "error" || fact.key == "kernel_error") return ReadError(file, fact);
    if (fact.key == "time_ran_out") return ReadTimeRanOut(file, fact);
    if (fact.key == "hung" || fact.key == "crashed") return ReadEnd(file, fact, fact.key == "hung");
    if (fact.key == "bad_bus_id") {
      return {"CUDA gives no PCI address for the GPU, but \"" + fact.value + "\"", "Look at the library's version.",
              fact.line};
    }
    if (fact.key == "program_error") {
      return {"the workload program could not be run: " + fact.value,
              "Build the suite whole (cmake --build build); the program is for x86-64 and glibc 2.17 or newer. For a "
              "node of another kind, leave its checks out: --gtest_filter=-Workload*:GpuWork*",
              fact.line};
    }
    if (fact.key == "library_error") {
      return {"CUDA's driver library cannot be loaded: " + fact.value,
              "Install the driver's user-space libraries (Debian: libcuda1) of the kernel module's version.",
              fact.line};
    }
    if (fact.key == "missing_function") {
      return {"CUDA's driver library lacks the function " + fact.value,
              "The library is too old or no driver's: install that of the kernel module's version.", fact.line};
    }
  }
  return {};
}

std::optional<double> ReadRate(const FactFile& file, const FactBlock& block, std::string_view key) {
  const Fact* fact = block.Find(key);
  if (fact == nullptr) return std::nullopt;
  double rate = 0;
  const char* end = fact->value.data() + fact->value.size();
  const auto [rest, error] = std::from_chars(fact->value.data(), end, rate, std::chars_format::fixed);
  if (error != std::errc() || rest != end || !(rate >= 0 && rate < 1e9)) {
    file.ThrowUnlike(*fact, "GB/s");
  }
  return rate;
}

// "address 0"
WorkloadPattern ReadPattern(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  WorkloadPattern pattern{.name = "", .line = fact.line};
  if (words.size() != 2 || !ReadWhole(words[1], &pattern.wrong_words, 10)) {
    file.ThrowUnlike(fact, "\"name number\"");
  }
  pattern.name = words[0];
  return pattern;
}

// "address 0x1000 5555555555555555 5555555545555555"
WorkloadMismatch ReadMismatch(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  WorkloadMismatch mismatch{.pattern = "", .line = fact.line};
  if (words.size() != 4 || !words[1].starts_with("0x") || !ReadWhole(words[1].substr(2), &mismatch.offset, 16) ||
      !ReadWhole(words[2], &mismatch.expected, 16) || !ReadWhole(words[3], &mismatch.found, 16)) {
    file.ThrowUnlike(fact, "\"pattern offset expected found\"");
  }
  mismatch.pattern = words[0];
  return mismatch;
}

void ReadInterrupts(const FactFile& file, const FactBlock& block, WorkloadGpu* gpu) {
  for (const Fact* phase : block.FindAll("phase")) {
    if (phase->value != "interrupts") continue;
    gpu->reached_interrupts = true;
    gpu->interrupts_line = phase->line;
  }
  gpu->interrupt_kind = block.Value("interrupt_kind");
  if (const Fact* waits = block.Find("waits")) {
    gpu->waits = static_cast<int>(file.ToInteger(*waits, 0, INT32_MAX));
  }
  if (const Fact* interrupts = block.Find("interrupts")) {
    gpu->interrupts = static_cast<uint64_t>(file.ToInteger(*interrupts, 0, INT64_MAX));
    gpu->interrupts_line = interrupts->line;
  }
}

// "1048576 0": threads, wrong ones.
WorkloadKernel ReadKernelLaunch(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  WorkloadKernel kernel{.line = fact.line};
  if (words.size() != 2 || !ReadWhole(words[0], &kernel.threads, 10) || !ReadWhole(words[1], &kernel.wrong, 10)) {
    file.ThrowUnlike(fact, "\"threads wrong\"");
  }
  return kernel;
}

void ReadKernel(const FactFile& file, const FactBlock& block, WorkloadGpu* gpu) {
  for (const Fact* phase : block.FindAll("phase")) {
    if (phase->value != "kernel") continue;
    gpu->reached_kernel = true;
    gpu->kernel_line = phase->line;
  }
  for (const Fact* fact : block.FindAll("kernel")) gpu->kernels.push_back(ReadKernelLaunch(file, *fact));
  gpu->kernel_mismatch = block.Value("kernel_mismatch");
  gpu->kernel_skipped = block.Value("kernel_skipped");
  gpu->compiler_said = block.Value("compiler_said");
}

void ReadMemorySizes(const FactFile& file, const FactBlock& block, WorkloadGpu* gpu) {
  if (const Fact* bytes = block.Find("tested_bytes")) {
    gpu->tested_bytes = static_cast<uint64_t>(file.ToInteger(*bytes, 0, kMostBytes));
  }
  if (const Fact* bytes = block.Find("memory_bytes")) {
    gpu->memory_bytes = static_cast<uint64_t>(file.ToInteger(*bytes, 0, kMostBytes));
    gpu->memory_line = bytes->line;
  }
  if (const Fact* bytes = block.Find("free_bytes")) {
    gpu->free_bytes = static_cast<uint64_t>(file.ToInteger(*bytes, 0, kMostBytes));
    gpu->free_line = bytes->line;
  }
}

WorkloadGpu ReadGpu(const FactFile& file, const FactBlock& block) {
  WorkloadGpu gpu;
  gpu.line = block.line;
  gpu.name = block.Value("name");
  gpu.uuid = block.Value("uuid");
  if (const Fact* uuid = block.Find("uuid")) gpu.uuid_line = uuid->line;
  if (const Fact* address = block.Find("pci_bus_id")) {
    gpu.bus_id = PciAddress::Parse(address->value);
    if (!gpu.bus_id) file.ThrowUnlike(*address, "a PCI address");
  }
  ReadMemorySizes(file, block, &gpu);
  for (const Fact* fact : block.FindAll("pattern")) gpu.patterns.push_back(ReadPattern(file, *fact));
  for (const Fact* fact : block.FindAll("mismatch")) {
    gpu.mismatches.push_back(ReadMismatch(file, *fact));
  }
  gpu.to_device = ReadRate(file, block, "to_device_best_gb_per_s");
  gpu.from_device = ReadRate(file, block, "from_device_best_gb_per_s");
  if (const Fact* rate = block.Find("to_device_best_gb_per_s")) gpu.rate_line = rate->line;
  if (const Fact* speed = block.Find("link_speed_under_load")) {
    gpu.link_speed = speed->value;
    gpu.link_line = speed->line;
  }
  if (const Fact* width = block.Find("link_width_under_load")) {
    gpu.link_width = static_cast<int>(file.ToInteger(*width, 0, 255));
  }
  ReadInterrupts(file, block, &gpu);
  ReadKernel(file, block, &gpu);
  gpu.trouble = FirstTrouble(file, block);
  gpu.done = block.Value("done") == "yes";
  if (!gpu.done && !gpu.trouble) {
    gpu.trouble = {"the workload program ended before it was done with this GPU", kReadItsErrors,
                   block.facts.back().line};
  }
  return gpu;
}

}  // namespace

WorkloadEvidence WorkloadEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  const FactFile file = FactFile::Parse(text, path, "workload", "gpu");
  WorkloadEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  evidence.library_path = file.head.Value("library_path");
  if (const Fact* stand_in = file.head.Find("stand_in")) {
    evidence.stand_in = stand_in->value;
    evidence.stand_in_line = stand_in->line;
  }
  if (const Fact* version = file.head.Find("driver_api_version")) {
    evidence.driver_api_version = static_cast<int>(file.ToInteger(*version, 0, INT32_MAX));
  }
  if (const Fact* count = file.head.Find("gpu_count")) {
    evidence.gpu_count = static_cast<int>(file.ToInteger(*count, 0, INT32_MAX));
    evidence.gpu_count_line = count->line;
  }
  evidence.trouble = FirstTrouble(file, file.head);
  if (!evidence.trouble && !evidence.gpu_count) {
    evidence.trouble = {"the workload program ended before CUDA had said how many GPUs it has", kReadItsErrors,
                        file.last_line};
  }
  if (file.blocks.size() > kMostGpus) {
    ThrowEvidenceError(file, file.last_line, fmt::format("{} GPUs", file.blocks.size()));
  }
  for (const FactBlock& block : file.blocks) evidence.gpus.push_back(ReadGpu(file, block));
  return evidence;
}

std::vector<const WorkloadGpu*> WorkloadEvidence::FindAll(const PciAddress& address) const {
  std::vector<const WorkloadGpu*> found;
  for (const WorkloadGpu& gpu : gpus) {
    if (gpu.bus_id == address) found.push_back(&gpu);
  }
  return found;
}

}  // namespace passthrough
