// What the checks of disrupted nodes are instantiated for.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "fixtures/check.h"
#include "suites/gpu_snapshot.h"

namespace passthrough {

// One reboot of a node: it may come back once, and not the second time.
struct RebootOfNode {
  const PlannedNode* node;
  int cycle;  // counts from 1
};

std::string NameOf(const testing::TestParamInfo<RebootOfNode>& info);
void PrintTo(const RebootOfNode& one, std::ostream* out);

// Of `nodes`, those that the run disrupts, and their reboots: none without --disruptive.
std::vector<const PlannedNode*> Disrupted(std::vector<const PlannedNode*> nodes);
std::vector<RebootOfNode> RebootsOf(const std::vector<const PlannedNode*>& nodes);

class CheckOfReboot : public Check, public testing::WithParamInterface<RebootOfNode> {
 protected:
  const PlannedNode& node() const { return *GetParam().node; }
  void ReportFailure(const Finding& finding) { Check::ReportFailure(node().name, finding); }
  void ReportEach(const Findings& findings) { Check::ReportEach(node().name, findings); }
};

// A check of snapshots that were taken after a disruption; the kernel log of before says what is new in theirs. `Base`:
// NodeCheck or CheckOfReboot.
template <typename Base>
class DisruptionCheck : public CheckOf<Base, PciEvidence, KernelLog> {
 protected:
  // `snapshot`: "after-rescan"; `after`: what was done, in words for messages: "after remove and rescan".
  GpuSnapshot Snapshot(std::string snapshot, std::string after) {
    return {this->node(), std::move(snapshot), std::move(after), Before()};
  }

 private:
  // What the PCI bus showed before the disruption; nullptr where that is not known, with which other checks fail.
  const PciEvidence* Before() {
    try {
      return &this->template Parsed<PciEvidence>();
    } catch (const EvidenceError&) {
      return nullptr;
    }
  }
};

// --- one check of a node after a disruption ---

class RescanCheck : public DisruptionCheck<NodeCheck> {
 public:
  static constexpr RunStep kStep = RunStep::kRescan;

 protected:
  GpuSnapshot After() { return Snapshot(kAfterRescan, "after remove and rescan"); }
};

class UnplugCheck : public DisruptionCheck<NodeCheck> {
 public:
  static constexpr RunStep kStep = RunStep::kUnplug;

 protected:
  GpuSnapshot Unplugged() { return Snapshot(kAfterUnplug, "after hot unplug"); }
  GpuSnapshot Replugged() { return Snapshot(kAfterReplug, "after replug"); }
};

class RebootCheck : public DisruptionCheck<CheckOfReboot> {
 public:
  static constexpr RunStep kStep = RunStep::kReboot;

 protected:
  GpuSnapshot After();
};

}  // namespace passthrough
