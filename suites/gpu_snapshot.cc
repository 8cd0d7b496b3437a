#include "suites/gpu_snapshot.h"

#include <fmt/format.h>

#include "helpers/health/driver_use_problems.h"
#include "helpers/health/node_log_problems.h"
#include "helpers/health/pci_problems.h"
#include "suites/console_advice.h"
#include "suites/gpu_makers.h"
#include "suites/kernel_log_checks.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

std::string RecordPath(const PlannedNode& node) { return "evidence/" + node.name + "/disruption.json"; }

void Append(Findings more, Findings* findings) {
  for (Finding& finding : more) findings->push_back(std::move(finding));
}

}  // namespace

std::string NameOfGpu(const PlannedDevice& gpu) { return "GPU " + gpu.host_address.ToString(); }

GpuSnapshot::GpuSnapshot(const PlannedNode& node, std::string snapshot, std::string after, const PciEvidence* before)
    : node_(node), snapshot_(std::move(snapshot)), after_(std::move(after)), before_(before) {
  DomainOf(node);  // a node that is no domain was not disrupted: throws with that as the reason
  const auto& run = Session::Get().run();
  if (!run) throw EvidenceError("there is no run whose evidence could be checked");
  const Disruption disruption = ReadDisruption(*run, node.name);
  const DisruptionStep* step = disruption.Find(snapshot_);
  if (step == nullptr) {
    throw EvidenceError(
        fmt::format("{}: the run ended before the step {} ({})", node.name, snapshot_, RecordPath(node)));
  }
  step_ = *step;
  earlier_.emplace_back();
  for (const DisruptionStep& one : disruption.steps) {
    if (&one == step) break;
    earlier_.push_back(one.snapshot);
  }
}

const ProbeOutput& GpuSnapshot::OutputOf(const std::string& probe) const {
  try {
    return Session::Get().Output(node_, probe, snapshot_);
  } catch (const EvidenceError& error) {
    if (step_.error.empty()) throw;
    throw EvidenceError(
        fmt::format("{}: nothing was collected {}: {} ({})", node_.name, after_, step_.error, RecordPath(node_)));
  }
}

GuestFunction GpuSnapshot::FunctionOf(const PlannedDevice& gpu) const {
  return FindGuestFunction(DomainOf(node_), gpu, Parsed<PciEvidence>());
}

Findings GpuSnapshot::AfterDisruption(const Findings& findings, const std::string& advice) const {
  Findings after;
  for (const Finding& finding : findings) {
    if (finding.note) continue;
    after.push_back({.found = after_ + ": " + finding.found,
                     .where = finding.where,
                     .advice = advice.empty() ? finding.advice : advice});
  }
  return after;
}

Findings GpuSnapshot::OfDisruption() const {
  if (step_.error.empty()) return {};
  const std::string console = step_.console.empty() ? "" : "\nIts console showed last:\n" + step_.console + "\n";
  return AfterDisruption(
      {{.found = step_.error + console,
        .where = RecordPath(node_),
        .advice = ConsoleAdvice(node_) + " The hypervisor's log of the domain says what became of its devices."}});
}

// A slot of which the host knows nothing can have at least the lanes that the GPU had before.
SlotLimits GpuSnapshot::SlotOfGpu(const PlannedDevice& gpu) const {
  SlotLimits slot = SlotOf(gpu, Session::Get().HostRunning());
  if (slot.width || before_ == nullptr) return slot;
  try {
    const GuestFunction guest = FindGuestFunction(DomainOf(node_), gpu, *before_);
    if (guest.function != nullptr) slot.width = guest.function->current_link_width;
  } catch (const EvidenceError&) {
    // The checks of the snapshot before fail with it.
  }
  return slot;
}

Findings GpuSnapshot::OfGpu(const PlannedDevice& gpu) const {
  const PciEvidence& pci = Parsed<PciEvidence>();
  const std::string name = NameOfGpu(gpu);
  const GuestFunction guest = FunctionOf(gpu);
  if (guest.function == nullptr) {
    return AfterDisruption({{.found = name + " " + guest.problem, .where = guest.where, .advice = kReadKernelLog}});
  }
  Findings findings = AfterDisruption(ConfigProblems(pci, *guest.function, name),
                                      "It does not survive being reset: look for its reset method on the host "
                                      "(reset_method in sysfs), and power-cycle the host.");
  if (!findings.empty()) return findings;
  Append(AfterDisruption(BarProblems(pci, *guest.function, name),
                         "A slot that is plugged later gets only the space that its bridge was given at "
                         "boot: give the root port more (its pref64-reserve), or plug before boot."),
         &findings);
  Append(AfterDisruption(EnableProblems(pci, *guest.function, name)), &findings);
  Append(AfterDisruption(LinkWidthProblems(pci, *guest.function, name, SlotOfGpu(gpu))), &findings);
  return findings;
}

// Functions that are unplugged and replugged with a GPU, and share its fate in each reset.
Findings GpuSnapshot::OfCompanions() const {
  Findings findings;
  for (const PlannedDevice& device : node_.devices) {
    if (device.type == DeviceType::kGpu) continue;
    const GuestFunction guest = FunctionOf(device);
    if (guest.function != nullptr) continue;
    findings.push_back({.found = fmt::format("function {} {}", device.host_address.ToString(), guest.problem),
                        .where = guest.where,
                        .advice = kReadKernelLog});
  }
  return AfterDisruption(findings);
}

Findings GpuSnapshot::OfGpus() const {
  Findings findings;
  for (const PlannedDevice& gpu : node_.DevicesOfType(DeviceType::kGpu)) Append(OfGpu(gpu), &findings);
  Append(OfCompanions(), &findings);
  return findings;
}

const KernelLog* GpuSnapshot::LogBefore() const {
  if (!step_.boot_id_after.empty()) return nullptr;  // its log begins anew
  for (auto snapshot = earlier_.rbegin(); snapshot != earlier_.rend(); ++snapshot) {
    try {
      return &Session::Get().Parsed<KernelLog>(node_, *snapshot);
    } catch (const EvidenceError&) {
      // That snapshot's own checks fail with it.
    }
  }
  return nullptr;
}

KernelLog GpuSnapshot::LogSince() const {
  const KernelLog& log = Parsed<KernelLog>();
  const KernelLog* before = LogBefore();
  return before == nullptr ? log : log.Since(*before);
}

Findings GpuSnapshot::OfKernelLog() const {
  const KernelLog log = LogSince();
  const bool is_plugged = snapshot_ == kAfterUnplug || snapshot_ == kAfterReplug;
  Findings findings = AfterDisruption(
      AllOfKernelLog(node_, log, Parsed<PciEvidence>(), is_plugged ? HotPlug::kOnPurpose : HotPlug::kNone));
  for (Finding& gap : LogGapProblems(log)) {
    gap.found = after_ + ": " + gap.found;
    findings.push_back(std::move(gap));
  }
  return findings;
}

Findings GpuSnapshot::OfAbsence() const {
  const PciEvidence& pci = Parsed<PciEvidence>();
  Findings findings;
  for (const PlannedDevice& gpu : node_.DevicesOfType(DeviceType::kGpu)) {
    const GuestFunction guest = FunctionOf(gpu);
    if (guest.function == nullptr) continue;
    findings.push_back(
        {.found = fmt::format("the node still lists {} at {}", NameOfGpu(gpu), guest.function->address.ToString()),
         .where = pci.At(guest.function->line),
         .advice = "Its kernel did not act on the unplug: look for pciehp or acpiphp in its kernel log."});
  }
  for (const GpuMaker& maker : MakersOf(node_)) {
    if (maker.still_shown != nullptr) Append(maker.still_shown(*this), &findings);
  }
  return AfterDisruption(findings);
}

}  // namespace passthrough
