// Judging one look at a node's GPUs after the node was disturbed: the same questions that the other suites ask of
// an undisturbed node, in a few groups.
#pragma once

#include <string>
#include <vector>

#include "fixtures/check.h"
#include "helpers/health/link_problems.h"
#include "helpers/run/disruption.h"

namespace passthrough {

class GpuLook {
 public:
  // `look`: "after-rescan"; `after`: what was done, in words for messages: "after remove and rescan". Throws
  // EvidenceError where nothing is known of what was done to the node.
  GpuLook(const PlannedNode& node, std::string look, std::string after);

  // How the doing itself went; throws EvidenceError where it was not reached.
  const DisruptionStep& step() const { return step_; }
  // What went wrong in the doing; empty: nothing.
  std::vector<Complaint> Doing() const;
  // What `probe` printed in this look. Throws EvidenceError with the reason why there was no look.
  const ProbeOutput& Probe(const std::string& probe) const;

  // Each planned GPU is where it was, answers, has its BARs, and all lanes of its link: where nothing is known of its
  // slot, as many as before.
  std::vector<Complaint> Gpus() const;
  // Each planned GPU that is there is bound to nvidia.
  std::vector<Complaint> Driver() const;
  // nvidia-smi answers in both forms with exactly the planned GPUs, no error text, and no GPU that needs a reset, a
  // repair of its memory, or has lost data.
  std::vector<Complaint> NvidiaSmi() const;
  // What the kernel says of the GPUs since its boot: for looks after a reboot, which begins the log anew. Xid, a
  // lost device and PCIe errors; and a driver that could not start.
  std::vector<Complaint> KernelLogOfGpus() const;
  std::vector<Complaint> KernelLogOfDriver() const;
  // No planned GPU is on the bus or in nvidia-smi's table: what must be after an unplug.
  std::vector<Complaint> Absence() const;

 private:
  // Without notes: a look is compared with the one before, of which they were told.
  void Append(const HealthProblems& problems, std::vector<Complaint>* complaints) const;
  SlotLimits SlotOfGpu(const PlannedDevice& gpu) const;
  Complaint Make(const std::string& found, const std::string& where, const std::string& advice) const;

  const PlannedNode& node_;
  std::string look_;
  std::string after_;
  DisruptionStep step_;
};

}  // namespace passthrough
