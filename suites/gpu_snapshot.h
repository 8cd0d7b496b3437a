// A node's GPUs in one snapshot after a disruption: the same questions that the other suites ask of an undisturbed
// node, in a few groups. What a maker's driver and tools say is asked in the room of that maker.
#pragma once

#include <string>
#include <vector>

#include "fixtures/check.h"
#include "helpers/disruption/disruption.h"
#include "helpers/health/link_problems.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"

namespace passthrough {

class GpuSnapshot {
 public:
  // `snapshot`: "after-rescan"; `after`: what was done, in words for messages: "after remove and rescan". `before`: the
  // PCI bus before the disruption, nullptr where it is not known; outlives this. Throws EvidenceError where nothing is
  // known of what was done to the node.
  GpuSnapshot(const PlannedNode& node, std::string snapshot, std::string after, const PciEvidence* before);

  const PlannedNode& node() const { return node_; }
  // How the disruption itself went; throws EvidenceError where it was not reached.
  const DisruptionStep& step() const { return step_; }
  // What was collected in this snapshot. Throws EvidenceError with the reason why there is none.
  template <typename Evidence>
  const ProbeOutput& Output() const {
    return OutputOf(Evidence::kProbe);
  }
  template <typename Evidence>
  const Evidence& Parsed() const {
    OutputOf(Evidence::kProbe);
    return Session::Get().Parsed<Evidence>(node_, snapshot_);
  }
  // A planned GPU's function in this snapshot.
  GuestFunction FunctionOf(const PlannedDevice& gpu) const;

  // What went wrong in the disruption; empty: nothing.
  Findings OfDisruption() const;
  // Each planned GPU is where it was, answers, has its BARs, is enabled for its driver, and all lanes of its link:
  // where nothing is known of its slot, as many as before. Each other planned function is there.
  Findings OfGpus() const;
  // What the kernel says of the node and its devices since the step: by all neutral checks of its log. What its log
  // lost since then is a note.
  Findings OfKernelLog() const;
  // The kernel log of this snapshot without what was in it before the step; all of it after a reboot.
  KernelLog LogSince() const;
  // No planned GPU is on the bus or shown by its maker's tools: what must be after an unplug.
  Findings OfAbsence() const;

  // `findings` as a check of this snapshot reports them: with what was done before, and without notes, which the checks
  // of the snapshot before have reported. `advice`: in place of theirs, where a disruption is a likelier cause.
  Findings AfterDisruption(const Findings& findings, const std::string& advice = {}) const;

 private:
  const ProbeOutput& OutputOf(const std::string& probe) const;
  Findings OfGpu(const PlannedDevice& gpu) const;
  Findings OfCompanions() const;
  SlotLimits SlotOfGpu(const PlannedDevice& gpu) const;
  // The kernel log of the newest snapshot of the same boot before this one; nullptr where there is none.
  const KernelLog* LogBefore() const;

  const PlannedNode& node_;
  std::string snapshot_;
  std::string after_;
  const PciEvidence* before_;
  DisruptionStep step_;
  std::vector<std::string> earlier_;  // snapshots, "" for the one before the disruption
};

// What most findings of a snapshot advise.
inline constexpr char kReadKernelLog[] = "Read kernel_log.txt in the same directory.";

// "GPU 0000:01:00.0": by its address on the host.
std::string NameOfGpu(const PlannedDevice& gpu);

}  // namespace passthrough
