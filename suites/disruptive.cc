// What is left of a GPU after its node was disturbed. Only with --disruptive: these are the only checks for which
// a run changes nodes. The doing is in helpers/run/disruption.cc; here is only the judging of what it left.
#include <fmt/format.h>

#include <ostream>

#include "fixtures/check.h"
#include "suites/gpu_look.h"

namespace passthrough {

// One reboot of a node: it may come back once, and not the second time.
struct RebootOfNode {
  const PlannedNode* node;
  int cycle;  // counts from 1
};

std::string NameOf(const testing::TestParamInfo<RebootOfNode>& info) {
  return fmt::format("{}_reboot_{}", info.param.node->name, info.param.cycle);
}

void PrintTo(const RebootOfNode& one, std::ostream* out) {
  *out << "reboot " << one.cycle << " of " << one.node->domain_names.front();
}

namespace {

std::vector<const PlannedNode*> DisturbedNodes() {
  return Session::Get().Disruptive() ? GpuNodes() : std::vector<const PlannedNode*>();
}

std::vector<RebootOfNode> Reboots() {
  std::vector<RebootOfNode> reboots;
  for (const PlannedNode* node : DisturbedNodes()) {
    for (int cycle = 1; cycle <= Session::Get().Reboots(); ++cycle) reboots.push_back({node, cycle});
  }
  return reboots;
}

class Disturbed : public NodeCheck {
 protected:
  void Complain(const std::vector<Complaint>& complaints) {
    for (const Complaint& complaint : complaints) NodeCheck::Complain(complaint);
  }
};

// --- remove and rescan through sysfs ---

class DisruptiveRescan : public Disturbed {
 protected:
  GpuLook Look() const { return {node(), kAfterRescan, "after remove and rescan"}; }
};

PASSTHROUGH_CHECKS(DisruptiveRescan, DisturbedNodes, "pci");

TEST_P(DisruptiveRescan, GpusComeBack) {
  Complain(Look().Doing());
  Complain(Look().Gpus());
}
TEST_P(DisruptiveRescan, DriverIsBoundAgain) { Complain(Look().Driver()); }
TEST_P(DisruptiveRescan, NvidiaSmiIsFineAgain) { Complain(Look().NvidiaSmi()); }

// --- hot unplug and replug through libvirt ---

class DisruptiveUnplug : public Disturbed {
 protected:
  GpuLook Unplugged() const { return {node(), kAfterUnplug, "after hot unplug"}; }
  GpuLook Replugged() const { return {node(), kAfterReplug, "after replug"}; }
};

PASSTHROUGH_CHECKS(DisruptiveUnplug, DisturbedNodes, "pci");

TEST_P(DisruptiveUnplug, NodeForgetsTheGpus) {
  Complain(Unplugged().Doing());
  Complain(Unplugged().Absence());
}
TEST_P(DisruptiveUnplug, GpusComeBack) {
  Complain(Replugged().Doing());
  Complain(Replugged().Gpus());
}
TEST_P(DisruptiveUnplug, DriverIsBoundAgain) { Complain(Replugged().Driver()); }
TEST_P(DisruptiveUnplug, NvidiaSmiIsFineAgain) { Complain(Replugged().NvidiaSmi()); }

// --- reboot ---

class DisruptiveReboot : public Check, public testing::WithParamInterface<RebootOfNode> {
 protected:
  GpuLook Look() const {
    const int cycle = GetParam().cycle;
    return {*GetParam().node, AfterReboot(cycle), fmt::format("after reboot {}", cycle)};
  }
  void Complain(const std::vector<Complaint>& complaints) {
    for (const Complaint& complaint : complaints) Fail(GetParam().node->name, complaint);
  }
};

PASSTHROUGH_CHECKS(DisruptiveReboot, Reboots, "pci");

TEST_P(DisruptiveReboot, NodeComesBack) {
  const GpuLook look = Look();
  Complain(look.Doing());
  const DisruptionStep& step = look.step();
  if (!step.error.empty()) return;
  RecordProperty("seconds", fmt::format("{:.1f}", step.seconds));
  if (!step.boot_id_after.empty() && step.boot_id_after != step.boot_id_before) return;
  Complain({{.found = "its boot id is the one of before: it has not rebooted",
             .where = fmt::format("evidence/{}/disruption.json", GetParam().node->name),
             .advice = "Look at the node's console.log."}});
}
TEST_P(DisruptiveReboot, GpusComeBack) {
  Complain(Look().Gpus());
  Complain(Look().KernelLogOfGpus());
}
TEST_P(DisruptiveReboot, DriverIsBoundAgain) {
  Complain(Look().Driver());
  Complain(Look().KernelLogOfDriver());
}
TEST_P(DisruptiveReboot, NvidiaSmiIsFineAgain) { Complain(Look().NvidiaSmi()); }

}  // namespace
}  // namespace passthrough
