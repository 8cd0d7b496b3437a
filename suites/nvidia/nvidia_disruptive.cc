// What NVIDIA's driver and nvidia-smi make of a GPU after its node was disrupted. Only with --disruptive.
#include "suites/disruptive.h"
#include "suites/nvidia/nvidia_gpus.h"
#include "suites/nvidia/nvidia_snapshot.h"

namespace passthrough {
namespace {

std::vector<const PlannedNode*> DisruptedNodes() { return Disrupted(NvidiaNodes()); }
std::vector<RebootOfNode> Reboots() { return RebootsOf(NvidiaNodes()); }

class DisruptiveRescanNvidia : public RescanCheck {};

PASSTHROUGH_CHECKS(DisruptiveRescanNvidia, DisruptedNodes);

TEST_P(DisruptiveRescanNvidia, DriverIsBoundAgain) {
  ReportEach(DriverAfter(After()));
  ReportEach(DriverLogAfter(After()));
}
TEST_P(DisruptiveRescanNvidia, NvidiaSmiIsFineAgain) { ReportEach(NvidiaSmiAfter(After())); }

class DisruptiveUnplugNvidia : public UnplugCheck {};

PASSTHROUGH_CHECKS(DisruptiveUnplugNvidia, DisruptedNodes);

TEST_P(DisruptiveUnplugNvidia, DriverIsBoundAgain) {
  ReportEach(DriverAfter(Replugged()));
  ReportEach(DriverLogAfter(Replugged()));
  ReportEach(DriverLogAfter(Unplugged()));
}
TEST_P(DisruptiveUnplugNvidia, NvidiaSmiIsFineAgain) { ReportEach(NvidiaSmiAfter(Replugged())); }

class DisruptiveRebootNvidia : public RebootCheck {};

PASSTHROUGH_CHECKS(DisruptiveRebootNvidia, Reboots);

TEST_P(DisruptiveRebootNvidia, DriverIsBoundAgain) {
  ReportEach(DriverAfter(After()));
  ReportEach(DriverLogAfter(After()));
}
TEST_P(DisruptiveRebootNvidia, NvidiaSmiIsFineAgain) { ReportEach(NvidiaSmiAfter(After())); }

}  // namespace
}  // namespace passthrough
