#include "helpers/health/nvidia/cuda_problems.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// The number that the element begins with: "81559 MiB", "16x".
std::optional<uint64_t> NumberAt(const NvidiaSmiGpu& gpu, std::string_view path) {
  const NvidiaSmiField* field = gpu.Find(path);
  if (field == nullptr) return std::nullopt;
  uint64_t value = 0;
  const std::string& text = field->text;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

constexpr char kCompare[] =
    "Both ask one driver: look at the node's kernel log for NVRM and Xid, and for a library of another release.";

}  // namespace

Findings KernelProblems(const WorkloadEvidence& cuda, const WorkloadGpu& gpu, const std::string& name) {
  if (gpu.trouble) {
    const std::string said = gpu.compiler_said.empty() ? "" : "; the compiler said: " + gpu.compiler_said;
    return {{.found = fmt::format("{}: {}: {}{}", name,
                                  gpu.reached_kernel ? "it did not run a kernel" : "no kernel was tried on it",
                                  gpu.trouble.what, said),
             .where = cuda.At(gpu.trouble.line),
             .advice = gpu.trouble.advice}};
  }
  if (!gpu.kernel_skipped.empty()) {
    return {{.found = fmt::format("{}: no kernel was tried on it: {}", name, gpu.kernel_skipped),
             .where = cuda.At(gpu.kernel_line),
             .advice = "Its memory and its interrupts were tested all the same.",
             .note = true}};
  }
  Findings problems;
  for (const WorkloadKernel& kernel : gpu.kernels) {
    if (kernel.threads == 0) {
      problems.push_back({.found = name + ": a kernel ran on it with no thread, so that nothing was computed",
                          .where = cuda.At(kernel.line),
                          .advice = "Look at the workload's evidence."});
    }
    if (kernel.wrong == 0) continue;
    problems.push_back(
        {.found = fmt::format(
             "{} computed wrong results: {} of {} threads{}", name, kernel.wrong, kernel.threads,
             gpu.kernel_mismatch.empty() ? "" : "; the first (thread, expected, found): " + gpu.kernel_mismatch),
         .where = cuda.At(kernel.line),
         .advice =
             "Integer arithmetic has one right result: stop using this GPU, run dcgmi diag -r 3 or NVIDIA's field "
             "diagnostic, and look for Xid in the node's kernel log."});
  }
  if (gpu.kernels.empty()) {
    problems.push_back({.found = name + ": no kernel was run on it", .where = cuda.At(gpu.line), .advice = ""});
  }
  return problems;
}

Findings CudaAgainstSmi(const WorkloadEvidence& cuda, const WorkloadGpu& gpu, const NvidiaSmiXml& xml,
                        const NvidiaSmiGpu& in_xml, const std::string& name) {
  Findings problems;
  if (in_xml.MigIsOn()) return problems;
  const auto add = [&](std::string found, int line, bool note = false, const char* advice = kCompare) {
    problems.push_back({.found = std::move(found), .where = cuda.At(line), .advice = advice, .note = note});
  };
  if (!gpu.uuid.empty() && in_xml.uuid.starts_with("GPU-") && Lower(gpu.uuid) != Lower(in_xml.uuid)) {
    add(fmt::format("{} has UUID {} for CUDA and {} for nvidia-smi", name, gpu.uuid, in_xml.uuid), gpu.uuid_line);
  }
  const std::optional<uint64_t> total = NumberAt(in_xml, "fb_memory_usage/total");
  if (total && *total > 0 && gpu.memory_bytes) {
    const uint64_t reserved = NumberAt(in_xml, "fb_memory_usage/reserved").value_or(0);
    const uint64_t in_cuda = *gpu.memory_bytes >> 20;
    if (in_cuda + reserved < *total * 9 / 10 || in_cuda > *total * 11 / 10) {
      add(fmt::format("{} has {} MiB of memory for CUDA and {} MiB for nvidia-smi", name, in_cuda, *total),
          gpu.memory_line);
    }
  }
  if (gpu.free_bytes && gpu.memory_bytes && *gpu.free_bytes < *gpu.memory_bytes / 10) {
    add(fmt::format("{}: {} MiB of {} MiB of its memory are free for CUDA", name, *gpu.free_bytes >> 20,
                    *gpu.memory_bytes >> 20),
        gpu.free_line, true, "Look for other programs on it: nvidia-smi, and fuser -v /dev/nvidia* on the node.");
  }
  const std::optional<uint64_t> lanes = NumberAt(in_xml, "pci/pci_gpu_link_info/link_widths/current_link_width");
  if (lanes && gpu.link_width && *gpu.link_width > 0 && static_cast<uint64_t>(*gpu.link_width) < *lanes) {
    add(fmt::format("{}: its PCIe link has {} lanes under load, and {} for nvidia-smi before", name, *gpu.link_width,
                    *lanes),
        gpu.link_line, false,
        "The link was trained anew with less: reseat the card, look at riser and slot, and for AER.");
  }
  if (cuda.driver_api_version && !xml.cuda_version.empty()) {
    const std::string version =
        fmt::format("{}.{}", *cuda.driver_api_version / 1000, *cuda.driver_api_version % 1000 / 10);
    if (xml.cuda_version[0] >= '0' && xml.cuda_version[0] <= '9' && version != xml.cuda_version) {
      add(fmt::format("{}: programs find CUDA {}, nvidia-smi {}: a compatibility library, perhaps", name, version,
                      xml.cuda_version),
          cuda.gpu_count_line, true);
    }
  }
  return problems;
}

}  // namespace passthrough
