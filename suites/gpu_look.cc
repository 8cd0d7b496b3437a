#include "suites/gpu_look.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/text.h"
#include "helpers/health/gpu_problems.h"
#include "helpers/health/kernel_log_problems.h"
#include "helpers/parsers/nvidia_smi_table.h"
#include "helpers/parsers/nvidia_smi_words.h"
#include "helpers/parsers/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"
#include "suites/read_kernel_log.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

constexpr char kReadLog[] = "Read kernel_log.txt in the same directory.";

std::string RecordPath(const PlannedNode& node) { return "evidence/" + node.name + "/disruption.json"; }

PciEvidence PciOf(const ProbeOutput& output) { return PciEvidence::Parse(output.text, output.path); }

std::string NameOfGpu(const PlannedDevice& gpu) { return "GPU " + gpu.host_address.ToString(); }

}  // namespace

GpuLook::GpuLook(const PlannedNode& node, std::string look, std::string after)
    : node_(node), look_(std::move(look)), after_(std::move(after)) {
  DomainOf(node);  // a node that is no domain was not disturbed: throws with that as the reason
  const auto& run = Session::Get().run();
  if (!run) throw EvidenceError("there is no run whose evidence could be judged");
  const Disruption disruption = ReadDisruption(*run, node.name);
  const DisruptionStep* step = disruption.Find(look_);
  if (step == nullptr) {
    throw EvidenceError(fmt::format("{}: the run ended before the step {} ({})", node.name, look_, RecordPath(node)));
  }
  step_ = *step;
}

void GpuLook::Append(const HealthProblems& problems, std::vector<Complaint>* complaints) const {
  for (const HealthProblem& problem : problems) {
    if (!problem.note) complaints->push_back(Make(problem.found, problem.where, problem.advice));
  }
}

// A slot of which the host tells nothing can have at least the lanes that the GPU had before.
SlotLimits GpuLook::SlotOfGpu(const PlannedDevice& gpu) const {
  SlotLimits slot = SlotOf(gpu, Session::Get().HostRunning());
  if (slot.width) return slot;
  try {
    const PciEvidence before = PciOf(ProbeOf(node_, "pci"));
    const GuestFunction guest = FindGuestFunction(DomainOf(node_), gpu, before);
    if (guest.function != nullptr) slot.width = guest.function->current_link_width;
  } catch (const EvidenceError&) {
    // Told by the checks of the look before.
  }
  return slot;
}

Complaint GpuLook::Make(const std::string& found, const std::string& where, const std::string& advice) const {
  return {.found = after_ + ": " + found, .where = where, .advice = advice};
}

std::vector<Complaint> GpuLook::Doing() const {
  if (step_.error.empty()) return {};
  const std::string console =
      step_.console.empty() ? "" : "\nIts console showed last:\n" + step_.console + "\n";
  return {Make(step_.error + console, RecordPath(node_),
               "The node's console.log has all that its console showed; the hypervisor's log of the domain says "
               "what became of its devices.")};
}

const ProbeOutput& GpuLook::Probe(const std::string& probe) const {
  try {
    return Session::Get().Evidence(node_.name, look_).Require(probe);
  } catch (const EvidenceError& error) {
    if (step_.error.empty()) throw;
    throw EvidenceError(fmt::format("{}: nothing was collected {}: {} ({})", node_.name, after_, step_.error,
                                    RecordPath(node_)));
  }
}

std::vector<Complaint> GpuLook::Gpus() const {
  const PciEvidence pci = PciOf(Probe("pci"));
  std::vector<Complaint> complaints;
  for (const PlannedDevice& gpu : node_.DevicesOfType(DeviceType::kGpu)) {
    const GuestFunction guest = FindGuestFunction(DomainOf(node_), gpu, pci);
    if (guest.function == nullptr) {
      complaints.push_back(Make(NameOfGpu(gpu) + " " + guest.problem, guest.where, kReadLog));
      continue;
    }
    const PciFunction& function = *guest.function;
    if (function.config.empty() || function.ConfigIsDead()) {
      complaints.push_back(Make(NameOfGpu(gpu) + " does not answer: its config space reads all ones",
                                pci.At(function.config_line),
                                "It does not survive being reset: look for its reset method on the host "
                                "(reset_method in sysfs), and power-cycle the host."));
      continue;
    }
    const auto& bars = function.resources;
    const bool unassigned = std::any_of(bars.begin(), bars.begin() + 6,
                                        [](const PciResource& bar) { return bar.IsMissed(); });
    const bool none = std::none_of(bars.begin(), bars.begin() + 6,
                                   [](const PciResource& bar) { return bar.Exists(); });
    if (unassigned || none) {
      complaints.push_back(Make(NameOfGpu(gpu) + " has a BAR without an address", pci.At(function.line),
                                "A slot that is plugged later gets only the space that its bridge was given at "
                                "boot: give the root port more (its pref64-reserve), or plug before boot."));
    }
    Append(LinkWidthProblems(pci, function, NameOfGpu(gpu), SlotOfGpu(gpu)), &complaints);
  }
  return complaints;
}

std::vector<Complaint> GpuLook::Driver() const {
  const PciEvidence pci = PciOf(Probe("pci"));
  std::vector<Complaint> complaints;
  for (const PlannedDevice& gpu : node_.DevicesOfType(DeviceType::kGpu)) {
    const GuestFunction guest = FindGuestFunction(DomainOf(node_), gpu, pci);
    if (guest.function == nullptr) {
      complaints.push_back(Make(NameOfGpu(gpu) + " " + guest.problem, guest.where, ""));
    } else if (guest.function->driver != "nvidia") {
      const std::string& driver = guest.function->driver;
      complaints.push_back(Make(fmt::format("{} is bound to {}, expected nvidia", NameOfGpu(gpu),
                                            driver.empty() ? "no driver" : driver),
                                pci.At(guest.function->line), kReadLog));
    }
  }
  return complaints;
}

std::vector<Complaint> GpuLook::NvidiaSmi() const {
  std::vector<Complaint> complaints;
  const ProbeOutput& plain = Probe("nvidia_smi");
  const ProbeOutput& in_xml = Probe("nvidia_smi_xml");
  for (const ProbeOutput* output : {&plain, &in_xml}) {
    if (output->exit_status == 0) continue;
    const std::string said(Trim(LastLines(output->text + output->error_text, 1)));
    complaints.push_back(Make(fmt::format("{} ended with exit status {}{}{}",
                                          output == &plain ? "nvidia-smi" : "nvidia-smi -q -x",
                                          NvidiaSmiExitStatusText(output->exit_status),
                                          said.empty() ? "" : "; it said: ", said),
                              output->path.string(), kReadLog));
  }
  if (!complaints.empty()) return complaints;
  const NvidiaSmiTable table = NvidiaSmiTable::Parse(plain.text, plain.path);
  const NvidiaSmiXml xml = NvidiaSmiXml::Parse(in_xml.text, in_xml.path);
  const size_t planned = node_.GpuCount();
  if (table.gpus.size() != planned || xml.gpus.size() != planned) {
    complaints.push_back(Make(fmt::format("nvidia-smi's table has {} and nvidia-smi -q -x {}, expected {}",
                                          Count(table.gpus.size(), "GPU"), xml.gpus.size(), planned),
                              table.At(table.last_line), kReadLog));
  }
  for (const NvidiaSmiProblem& problem : table.problems) {
    complaints.push_back(Make(fmt::format("nvidia-smi printed \"{}\": {}", problem.phrase, problem.meaning),
                              table.At(problem.line), kReadLog));
  }
  for (const NvidiaSmiFieldProblem& problem : xml.Problems()) {
    const std::string of = problem.gpu == nullptr ? "" : " of GPU " + problem.gpu->bus_id.ToString();
    complaints.push_back(Make(fmt::format("nvidia-smi -q -x: {}{} is \"{}\": {}", problem.field->path, of,
                                          problem.field->text, problem.error->meaning),
                              xml.At(problem.field->line), kReadLog));
  }
  for (const auto problems_of : {RecoveryProblems, MemoryRepairProblems, UncorrectedErrorProblems}) {
    Append(problems_of(xml), &complaints);
  }
  return complaints;
}

std::vector<Complaint> GpuLook::KernelLogOfGpus() const {
  const KernelLog log = ReadKernelLog(Probe("kernel_log"));
  std::vector<Complaint> complaints;
  Append(XidProblems(log), &complaints);
  for (const auto problems_of : {LostDeviceProblems, PcieErrorProblems}) {
    Append(problems_of(log), &complaints);
  }
  return complaints;
}

std::vector<Complaint> GpuLook::KernelLogOfDriver() const {
  std::vector<Complaint> complaints;
  Append(DriverInitProblems(ReadKernelLog(Probe("kernel_log"))), &complaints);
  return complaints;
}

std::vector<Complaint> GpuLook::Absence() const {
  const PciEvidence pci = PciOf(Probe("pci"));
  const ProbeOutput& plain = Probe("nvidia_smi");
  const NvidiaSmiTable table = NvidiaSmiTable::Parse(plain.text, plain.path);
  std::vector<Complaint> complaints;
  for (const PlannedDevice& gpu : node_.DevicesOfType(DeviceType::kGpu)) {
    const GuestFunction guest = FindGuestFunction(DomainOf(node_), gpu, pci);
    if (guest.function == nullptr) continue;
    complaints.push_back(Make(fmt::format("the node still lists {} at {}", NameOfGpu(gpu),
                                          guest.function->address.ToString()),
                              pci.At(guest.function->line),
                              "Its kernel did not act on the unplug: look for pciehp or acpiphp in its kernel log."));
  }
  if (!table.gpus.empty()) {
    complaints.push_back(Make(fmt::format("nvidia-smi still has {}", Count(table.gpus.size(), "GPU")),
                              table.At(table.last_line), kReadLog));
  }
  return complaints;
}

}  // namespace passthrough
