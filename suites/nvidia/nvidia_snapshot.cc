#include "suites/nvidia/nvidia_snapshot.h"

#include <fmt/format.h>

#include "helpers/base/text.h"
#include "helpers/health/nvidia/driver_binding.h"
#include "helpers/health/nvidia/driver_log_problems.h"
#include "helpers/health/nvidia/gpu_problems.h"
#include "helpers/health/nvidia/gpu_state_problems.h"
#include "helpers/health/nvidia/nvidia_smi_problems.h"
#include "suites/nvidia/nvidia_gpus.h"
#include "suites/nvidia/smi_answer.h"

namespace passthrough {
namespace {

void Append(Findings more, Findings* findings) {
  for (Finding& finding : more) findings->push_back(std::move(finding));
}

}  // namespace

Findings DriverAfter(const GpuSnapshot& snapshot) {
  const PciEvidence& pci = snapshot.Parsed<PciEvidence>();
  Findings findings;
  for (const PlannedDevice& gpu : NvidiaGpusOf(snapshot.node())) {
    const GuestFunction guest = snapshot.FunctionOf(gpu);
    if (guest.function == nullptr) {
      findings.push_back({.found = NameOfGpu(gpu) + " " + guest.problem, .where = guest.where, .advice = ""});
    } else {
      Append(DriverBindingProblems(pci, *guest.function, NameOfGpu(gpu)), &findings);
    }
  }
  return snapshot.AfterDisruption(findings, kReadKernelLog);
}

Findings DriverLogAfter(const GpuSnapshot& snapshot) {
  const KernelLog log = snapshot.LogSince();
  Findings findings = snapshot.AfterDisruption(XidProblems(log));
  Append(snapshot.AfterDisruption(DriverInitProblems(log)), &findings);
  Append(snapshot.AfterDisruption(DriverErrorProblems(log)), &findings);
  return findings;
}

Findings NvidiaSmiAfter(const GpuSnapshot& snapshot) {
  Findings answers = ExitStatusProblems("nvidia-smi", AnswerOf(snapshot.Output<NvidiaSmiTable>()));
  Append(ExitStatusProblems("nvidia-smi -q -x", AnswerOf(snapshot.Output<NvidiaSmiXml>())), &answers);
  if (!answers.empty()) return snapshot.AfterDisruption(answers, kReadKernelLog);
  const NvidiaSmiTable& table = snapshot.Parsed<NvidiaSmiTable>();
  const NvidiaSmiXml& xml = snapshot.Parsed<NvidiaSmiXml>();
  const size_t planned = NvidiaGpusOf(snapshot.node()).size();
  Findings texts;
  Append(GpuCountProblems(table, planned), &texts);
  Append(GpuCountProblems(xml, planned), &texts);
  Append(ErrorTextProblems(table), &texts);
  Append(ErrorTextProblems(xml), &texts);
  Findings findings = snapshot.AfterDisruption(texts, kReadKernelLog);
  for (const auto problems_of : {RecoveryProblems, MemoryRepairProblems, UncorrectedErrorProblems, SlowdownProblems,
                                 TemperatureProblems, UsabilityProblems, MemoryReserveProblems, OtherStateProblems}) {
    Append(snapshot.AfterDisruption(problems_of(xml)), &findings);
  }
  return findings;
}

Findings StillInNvidiaSmi(const GpuSnapshot& unplugged) {
  const NvidiaSmiTable& table = unplugged.Parsed<NvidiaSmiTable>();
  if (table.gpus.empty()) return {};
  return {{.found = fmt::format("nvidia-smi still has {}", Count(table.gpus.size(), "GPU")),
           .where = table.At(table.last_line),
           .advice = kReadKernelLog}};
}

}  // namespace passthrough
