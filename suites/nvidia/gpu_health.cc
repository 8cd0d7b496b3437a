// What the GPUs say of their own health, through nvidia-smi -q -x.
#include <fmt/format.h>

#include <algorithm>

#include "fixtures/check.h"
#include "helpers/base/text.h"
#include "helpers/health/nvidia/gpu_problems.h"
#include "helpers/health/nvidia/gpu_state_problems.h"
#include "helpers/health/nvidia/nvidia_link_problems.h"
#include "helpers/parsers/identity_evidence.h"
#include "suites/guest_function.h"
#include "suites/nvidia/nvidia_gpus.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

class GpuHealth : public NodeCheckOf<NvidiaSmiXml, IdentityEvidence> {
 protected:
  // Of a GPU that is not in it, nothing is known: throws EvidenceError.
  const NvidiaSmiXml& Xml() {
    const NvidiaSmiXml& xml = Parsed<NvidiaSmiXml>();
    const size_t planned = NvidiaGpusOf(node()).size();
    if (xml.gpus.size() >= planned) return xml;
    throw EvidenceError(
        fmt::format("{}: nvidia-smi -q -x lists {}, expected {}: of the others' health "
                    "nothing is known ({})",
                    node().name, Count(xml.gpus.size(), "GPU"), planned, xml.At(xml.attached_gpus_line)));
  }
  // Seconds; nothing where the node does not tell, which is another check's.
  std::optional<double> Uptime() {
    try {
      return Parsed<IdentityEvidence>().uptime_seconds;
    } catch (const EvidenceError&) {
      return std::nullopt;
    }
  }
};

PASSTHROUGH_CHECKS(GpuHealth, NvidiaNodes);

TEST_P(GpuHealth, HasNoUncorrectedMemoryError) { ReportEach(UncorrectedErrorProblems(Xml())); }

TEST_P(GpuHealth, NeedsNoMemoryRepair) {
  const NvidiaSmiXml& xml = Xml();
  ReportEach(MemoryRepairProblems(xml));
  ReportEach(MemoryReserveProblems(xml));
}

TEST_P(GpuHealth, NeedsNoReset) { ReportEach(RecoveryProblems(Xml())); }

TEST_P(GpuHealth, IsNotSlowedDownByHardware) { ReportEach(SlowdownProblems(Xml())); }

TEST_P(GpuHealth, IsWithinItsOwnLimits) {
  const NvidiaSmiXml& xml = Xml();
  ReportEach(TemperatureProblems(xml));
  ReportEach(PowerLimitProblems(xml));
  ReportEach(ReplayProblems(xml, Uptime()));
}

TEST_P(GpuHealth, IsOpenToPrograms) {
  const NvidiaSmiXml& xml = Xml();
  ReportEach(UsabilityProblems(xml));
  ReportEach(PendingModeProblems(xml));
  ReportEach(OtherStateProblems(xml));
}

// The link of one planned GPU, as the driver reports it.
class GpuLink : public DeviceCheckOf<PciEvidence, NvidiaSmiXml> {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    const GuestFunction guest = FindGuestFunction(Domain(), device(), Parsed<PciEvidence>());
    if (guest.function == nullptr) {
      ReportFatalFailure({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
      return;
    }
    const auto found = std::find_if(xml().gpus.begin(), xml().gpus.end(),
                                    [&](const NvidiaSmiGpu& one) { return one.bus_id == guest.function->address; });
    if (found == xml().gpus.end()) {
      ReportFatalFailure({.found = DeviceName() + " is not in nvidia-smi -q -x, so nothing is known of its link",
                          .where = xml().At(xml().attached_gpus_line),
                          .advice = "Look at the other checks of nvidia-smi first."});
      return;
    }
    gpu_ = &*found;
  }
  const NvidiaSmiXml& xml() { return Parsed<NvidiaSmiXml>(); }
  const NvidiaSmiGpu& gpu() const { return *gpu_; }
  SlotLimits Slot() { return SlotOf(device(), session().HostRunning()); }

 private:
  const NvidiaSmiGpu* gpu_ = nullptr;
};

PASSTHROUGH_CHECKS(GpuLink, NvidiaGpus);

TEST_P(GpuLink, HasAllItsLanes) { ReportEach(LinkWidthProblems(xml(), gpu(), Slot())); }

TEST_P(GpuLink, IsFastWhileTheGpuWorks) { ReportEach(LinkSpeedProblems(xml(), gpu(), Slot())); }

class GpuUuids : public ClusterCheckOf<NvidiaSmiXml> {};

PASSTHROUGH_CHECKS(GpuUuids, NvidiaClusters);

// Across all clusters of the file: a card can be in one node only.
TEST_P(GpuUuids, EachGpuHasOneOfItsOwn) {
  std::vector<GpuOfEvidence> gpus;
  for (const PlannedNode* node : NvidiaNodes()) {
    const NvidiaSmiXml& xml = Parsed<NvidiaSmiXml>(*node);
    for (const NvidiaSmiGpu& gpu : xml.gpus) gpus.push_back({node->name, &xml, &gpu});
  }
  ReportEach(UuidProblems(gpus));
  ReportEach(SerialNumberProblems(gpus));
}

// Within one cluster.
TEST_P(GpuUuids, CardsOfOneModelAreAlike) {
  std::vector<GpuOfEvidence> gpus;
  for (const PlannedNode* node : NvidiaNodes()) {
    if (node->cluster != cluster().name) continue;
    const NvidiaSmiXml& xml = Parsed<NvidiaSmiXml>(*node);
    for (const NvidiaSmiGpu& gpu : xml.gpus) gpus.push_back({node->name, &xml, &gpu});
  }
  ReportEach(UnlikeGpus(gpus));
}

}  // namespace
}  // namespace passthrough
