// What is left of a GPU after its node was disrupted. Only with --disruptive: these are the only checks for which
// a run changes nodes. It does so in helpers/disruption; here is only what is checked afterwards.
#include "suites/disruptive.h"

#include <fmt/format.h>

#include "suites/console_advice.h"

namespace passthrough {

std::string NameOf(const testing::TestParamInfo<RebootOfNode>& info) {
  return fmt::format("{}_reboot_{}", info.param.node->name, info.param.cycle);
}

void PrintTo(const RebootOfNode& one, std::ostream* out) {
  *out << "reboot " << one.cycle << " of " << one.node->domain_names.front();
}

std::vector<const PlannedNode*> Disrupted(std::vector<const PlannedNode*> nodes) {
  return Session::Get().Disruptive() ? std::move(nodes) : std::vector<const PlannedNode*>();
}

std::vector<RebootOfNode> RebootsOf(const std::vector<const PlannedNode*>& nodes) {
  std::vector<RebootOfNode> reboots;
  for (const PlannedNode* node : Disrupted(nodes)) {
    for (int cycle = 1; cycle <= Session::Get().Reboots(); ++cycle) reboots.push_back({node, cycle});
  }
  return reboots;
}

GpuSnapshot RebootCheck::After() {
  const int cycle = GetParam().cycle;
  return Snapshot(AfterReboot(cycle), fmt::format("after reboot {}", cycle));
}

namespace {

std::vector<const PlannedNode*> DisruptedNodes() { return Disrupted(GpuNodes()); }
std::vector<RebootOfNode> Reboots() { return RebootsOf(GpuNodes()); }

// --- remove and rescan through sysfs ---

class DisruptiveRescan : public RescanCheck {};

PASSTHROUGH_CHECKS(DisruptiveRescan, DisruptedNodes);

TEST_P(DisruptiveRescan, GpusComeBack) {
  ReportEach(After().OfDisruption());
  ReportEach(After().OfGpus());
  ReportEach(After().OfKernelLog());
}

// --- hot unplug and replug through libvirt ---

class DisruptiveUnplug : public UnplugCheck {};

PASSTHROUGH_CHECKS(DisruptiveUnplug, DisruptedNodes);

TEST_P(DisruptiveUnplug, NodeForgetsTheGpus) {
  ReportEach(Unplugged().OfDisruption());
  ReportEach(Unplugged().OfAbsence());
  ReportEach(Unplugged().OfKernelLog());
}
TEST_P(DisruptiveUnplug, GpusComeBack) {
  ReportEach(Replugged().OfDisruption());
  ReportEach(Replugged().OfGpus());
  ReportEach(Replugged().OfKernelLog());
}

// --- reboot ---

class DisruptiveReboot : public RebootCheck {};

PASSTHROUGH_CHECKS(DisruptiveReboot, Reboots);

TEST_P(DisruptiveReboot, NodeComesBack) {
  const GpuSnapshot after = After();
  ReportEach(after.OfDisruption());
  const DisruptionStep& step = after.step();
  if (!step.error.empty()) return;
  RecordProperty("seconds", fmt::format("{:.1f}", step.seconds));
  if (!step.boot_id_after.empty() && step.boot_id_after != step.boot_id_before) return;
  ReportEach({{.found = "its boot id is the one of before: it has not rebooted",
               .where = fmt::format("evidence/{}/disruption.json", node().name),
               .advice = ConsoleAdvice(node())}});
}
TEST_P(DisruptiveReboot, GpusComeBack) {
  ReportEach(After().OfGpus());
  ReportEach(After().OfKernelLog());
}

}  // namespace
}  // namespace passthrough
