#include "helpers/health/nvidia/nvidia_smi_problems.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "helpers/base/text.h"
#include "helpers/parsers/nvidia/nvidia_smi_words.h"

namespace passthrough {
namespace {

constexpr char kReadNvrm[] = "Look at the node's kernel log for lines with NVRM or Xid.";
constexpr char kCompareWithBus[] =
    "Compare with lspci on the node; a GPU that the bus shows and the driver does not has an NVRM line in the kernel "
    "log.";

// The program, its library or their release, whatever the GPUs do. Sources: NVIDIA, nvidia-smi(1), "RETURN VALUE"; NVML
// API reference, nvmlReturn_t; POSIX, the shell's 126 and 127.
bool IsOfTheInstallation(int exit_status) {
  constexpr int kNoLibrary = 12;
  constexpr int kOtherRelease = 18;
  constexpr int kNotRun = 126;
  constexpr int kNotFound = 127;
  return exit_status == kNoLibrary || exit_status == kOtherRelease || exit_status == kNotRun ||
         exit_status == kNotFound;
}

}  // namespace

Findings ExitStatusProblems(const std::string& command, const NvidiaSmiAnswer& answer) {
  if (answer.exit_status == 0) return {};
  return {
      {.found = fmt::format("{} ended with exit status {}{}{}", command, NvidiaSmiExitStatusText(answer.exit_status),
                            answer.last_line.empty() ? "" : "; it said: ", answer.last_line),
       .where = answer.where,
       .advice = "Look at the checks of the PCI bus and of the kernel module first, then at the "
                 "node's kernel log for lines with NVRM.",
       .explains = IsOfTheInstallation(answer.exit_status) ? Explains::kItself : Explains::kNothing}};
}

Findings GpuCountProblems(const NvidiaSmiTable& table, size_t planned) {
  if (table.gpus.size() == planned) return {};
  return {{.found = fmt::format("nvidia-smi's table has {}, expected {}", Count(table.gpus.size(), "GPU"), planned),
           .where = table.At(table.last_line),
           .advice = kCompareWithBus}};
}

Findings GpuCountProblems(const NvidiaSmiXml& xml, size_t planned) {
  if (xml.gpus.size() == planned && xml.attached_gpus == static_cast<int>(planned)) return {};
  return {{.found = fmt::format("nvidia-smi -q -x lists {} and says that {} attached, expected {}",
                                Count(xml.gpus.size(), "GPU"),
                                xml.attached_gpus == 1 ? "1 is" : fmt::format("{} are", xml.attached_gpus), planned),
           .where = xml.At(xml.attached_gpus_line),
           .advice = kCompareWithBus}};
}

Findings ErrorTextProblems(const NvidiaSmiTable& table) {
  Findings findings;
  for (const NvidiaSmiProblem& problem : table.problems) {
    findings.push_back(
        {.found = fmt::format("nvidia-smi printed \"{}\"{}: {}", problem.phrase,
                              problem.column.empty() ? "" : " in column " + problem.column, problem.meaning),
         .where = table.At(problem.line),
         .advice = kReadNvrm});
  }
  if (!table.has_table) {
    findings.push_back({.found = "nvidia-smi printed no table",
                        .where = table.At(table.last_line),
                        .advice = "The evidence has what it printed instead."});
  }
  return findings;
}

Findings ErrorTextProblems(const NvidiaSmiXml& xml) {
  Findings findings;
  for (const NvidiaSmiFieldProblem& problem : xml.Problems()) {
    const std::string of = problem.gpu == nullptr ? "" : " of GPU " + problem.gpu->bus_id.ToString();
    findings.push_back(
        {.found = fmt::format("nvidia-smi -q -x: {}{} is \"{}\": {}",
                              problem.field->path.empty() ? "a line outside of the XML" : problem.field->path, of,
                              problem.field->text, problem.error->meaning),
         .where = xml.At(problem.field->line),
         .advice = kReadNvrm});
  }
  return findings;
}

Findings DeviceIdProblems(const NvidiaSmiXml& xml, const PciEvidence& pci) {
  Findings problems;
  for (const NvidiaSmiGpu& gpu : xml.gpus) {
    const NvidiaSmiField* id = gpu.Find("pci/pci_device_id");
    const PciFunction* function = pci.Find(gpu.bus_id);
    if (id == nullptr || function == nullptr) continue;  // that it is not on the bus is another's
    uint32_t number = 0;                                 // "27B010DE": device and vendor
    const char* const end = id->text.data() + id->text.size();
    if (std::from_chars(id->text.data(), end, number, 16).ptr != end) continue;
    if (number == (uint32_t{function->device} << 16 | function->vendor)) continue;
    problems.push_back({fmt::format("GPU {} is {:04x}:{:04x} for nvidia-smi -q -x, {} on the PCI bus",
                                    gpu.bus_id.ToString(), number & 0xffff, number >> 16, function->Id()),
                        xml.At(id->line),
                        "Another card answers there than the kernel found: reboot the node, and compare the domain's "
                        "<hostdev> entries with lspci -nn on the host."});
  }
  return problems;
}

}  // namespace passthrough
