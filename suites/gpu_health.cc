// What the GPUs say of their own health, through nvidia-smi -q -x.
#include <fmt/format.h>

#include <algorithm>

#include "fixtures/check.h"
#include "helpers/base/text.h"
#include "helpers/health/gpu_problems.h"
#include "suites/guest_function.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

NvidiaSmiXml ParseXml(const ProbeOutput& output) { return NvidiaSmiXml::Parse(output.text, output.path); }

class GpuHealth : public NodeCheck {
 protected:
  // Of a GPU that is not in it, nothing is known: throws EvidenceError.
  NvidiaSmiXml Xml() {
    NvidiaSmiXml xml = ParseXml(Probe("nvidia_smi_xml"));
    if (xml.gpus.size() >= node().GpuCount()) return xml;
    throw EvidenceError(fmt::format("{}: nvidia-smi -q -x tells of {}, expected {}: of the others' health "
                                    "nothing is known ({})",
                                    node().name, Count(xml.gpus.size(), "GPU"), node().GpuCount(),
                                    xml.At(xml.attached_gpus_line)));
  }
};

PASSTHROUGH_CHECKS(GpuHealth, GpuNodes, "nvidia_smi_xml");

TEST_P(GpuHealth, HasNoUncorrectedMemoryError) { ComplainOfEach(UncorrectedErrorProblems(Xml())); }

TEST_P(GpuHealth, NeedsNoMemoryRepair) { ComplainOfEach(MemoryRepairProblems(Xml())); }

TEST_P(GpuHealth, NeedsNoReset) { ComplainOfEach(RecoveryProblems(Xml())); }

TEST_P(GpuHealth, IsNotSlowedDownByHardware) { ComplainOfEach(SlowdownProblems(Xml())); }

// The link of one planned GPU, as the driver tells it.
class GpuLink : public DeviceCheck {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    if (HasFatalFailure()) return;
    xml_ = ParseXml(Probe("nvidia_smi_xml"));
    const PciEvidence pci = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
    const GuestFunction guest = FindGuestFunction(Domain(), device(), pci);
    if (guest.function == nullptr) {
      ComplainForGood({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
      return;
    }
    const auto found = std::find_if(xml_.gpus.begin(), xml_.gpus.end(), [&](const NvidiaSmiGpu& one) {
      return one.bus_id == guest.function->address;
    });
    if (found == xml_.gpus.end()) {
      ComplainForGood({.found = DeviceName() + " is not in nvidia-smi -q -x, so nothing is known of its link",
                       .where = xml_.At(xml_.attached_gpus_line),
                       .advice = "Look at the other checks of nvidia-smi first."});
      return;
    }
    gpu_ = &*found;
  }
  const NvidiaSmiXml& xml() const { return xml_; }
  const NvidiaSmiGpu& gpu() const { return *gpu_; }
  SlotLimits Slot() { return SlotOf(device(), session().HostRunning()); }

 private:
  NvidiaSmiXml xml_;
  const NvidiaSmiGpu* gpu_ = nullptr;
};

PASSTHROUGH_CHECKS(GpuLink, Gpus, "pci", "nvidia_smi_xml");

TEST_P(GpuLink, HasAllItsLanes) { ComplainOfEach(LinkWidthProblems(xml(), gpu(), Slot())); }

TEST_P(GpuLink, IsFastWhileTheGpuWorks) { ComplainOfEach(LinkSpeedProblems(xml(), gpu(), Slot())); }

class GpuUuids : public ClusterCheck {};

PASSTHROUGH_CHECKS(GpuUuids, GpuClusters, "nvidia_smi_xml");

// Across all clusters of the file: a card can be in one node only.
TEST_P(GpuUuids, EachGpuHasOneOfItsOwn) {
  std::vector<NvidiaSmiXml> answers;
  std::vector<const PlannedNode*> nodes = GpuNodes();
  for (const PlannedNode* node : nodes) answers.push_back(ParseXml(Probe(*node, "nvidia_smi_xml")));
  std::vector<GpuOfEvidence> gpus;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const NvidiaSmiGpu& gpu : answers[i].gpus) gpus.push_back({nodes[i]->name, &answers[i], &gpu});
  }
  ComplainOfEach(UuidProblems(gpus));
}

}  // namespace
}  // namespace passthrough
