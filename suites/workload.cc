// The GPUs at work: what any CUDA program on the node would meet. Where the driver is a stand-in, as in the lab,
// there is no CUDA to ask: then these checks are not part of the run, and every report says so.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fixtures/check.h"
#include "helpers/base/text.h"
#include "helpers/health/link_problems.h"
#include "helpers/parsers/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"
#include "helpers/parsers/workload_evidence.h"
#include "suites/guest_function.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

bool DriverIsReal() { return Session::Get().StubDriver().empty(); }

std::vector<const PlannedNode*> NodesWithCuda() {
  return DriverIsReal() ? GpuNodes() : std::vector<const PlannedNode*>();
}

std::vector<DeviceOfNode> GpusWithCuda() {
  return DriverIsReal() ? Gpus() : std::vector<DeviceOfNode>();
}

// A host told only once it was up that its driver is a stand-in: too late to leave these checks out.
constexpr char kToldTooLate[] =
    "the host's facts file says that the GPU driver is a stand-in, and the profile does not";
constexpr char kSayItInProfile[] =
    "Write stub_driver into the profile: the checks that need a real driver are left out then.";

WorkloadEvidence WorkloadOf(const ProbeOutput& output) {
  return WorkloadEvidence::Parse(output.text, output.path);
}

// Whether a GPU of the node is divided into instances, which CUDA shows in its own way: since driver release 570 a
// device for each instance, before that one device in all and no GPU that is not divided. (NVIDIA, "MIG User Guide".)
bool MigIsOn(const PlannedNode& node) {
  try {
    const ProbeOutput& output = ProbeOf(node, "nvidia_smi_xml");
    const NvidiaSmiXml xml = NvidiaSmiXml::Parse(output.text, output.path);
    return std::any_of(xml.gpus.begin(), xml.gpus.end(),
                       [](const NvidiaSmiGpu& gpu) { return gpu.MigIsOn(); });
  } catch (const EvidenceError&) {
    return false;  // told by the checks of NvidiaSmi; nothing is excused here
  }
}

class Workload : public NodeCheck {
 protected:
  void SetUp() override {
    NodeCheck::SetUp();
    if (HasFatalFailure() || DriverIsReal()) return;
    FailForGood(node().name, {.found = kToldTooLate, .where = "run.json", .advice = kSayItInProfile});
  }
};

PASSTHROUGH_CHECKS(Workload, NodesWithCuda, "pci", "nvidia_smi_xml", "workload");

TEST_P(Workload, CudaInitialises) {
  const WorkloadEvidence workload = WorkloadOf(Probe("workload"));
  if (!workload.stand_in.empty()) {
    Complain({.found = "the CUDA library of the node is a stand-in: " + workload.stand_in,
              .where = workload.At(workload.stand_in_line),
              .advice = "Take it out of the loader's path."});
  }
  if (!workload.trouble) return;
  Complain({.found = workload.trouble.what,
            .where = workload.At(workload.trouble.line),
            .advice = workload.trouble.advice});
}

TEST_P(Workload, CudaHasExactlyThePlannedGpus) {
  const WorkloadEvidence workload = WorkloadOf(Probe("workload"));
  const PciEvidence pci = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
  std::multiset<std::string> planned;
  for (const PlannedDevice& device : node().DevicesOfType(DeviceType::kGpu)) {
    const GuestFunction guest = FindGuestFunction(Domain(), device, pci);
    planned.insert(guest.function != nullptr
                       ? guest.function->address.ToString()
                       : "nowhere (" + device.host_address.ToString() + " of the host)");
  }
  std::multiset<std::string> found;
  for (const WorkloadGpu& gpu : workload.gpus) {
    found.insert(gpu.bus_id ? gpu.bus_id->ToString() : "no address");
  }
  if (found == planned && workload.gpu_count == static_cast<int>(planned.size())) return;
  const bool some_of_them = !found.empty() && workload.gpu_count == static_cast<int>(found.size()) &&
                            std::all_of(found.begin(), found.end(),
                                        [&](const std::string& one) { return planned.count(one) > 0; });
  // Of the planned GPUs that CUDA does not show, GpuWork says so.
  if (some_of_them && MigIsOn(node())) return;
  const std::string none = workload.gpu_count ? "no GPU" : "not come to its GPUs";
  Complain({.found = fmt::format("CUDA has {}{}, the node was given GPUs at {}",
                                 found.empty() ? none : "GPUs at ", fmt::join(found, ", "),
                                 fmt::join(planned, ", ")),
            .where = workload.At(workload.gpu_count_line),
            .advice = "Compare with nvidia-smi, and look whether MIG is on without instances."});
}

// One planned GPU at work.
class GpuWork : public DeviceCheck {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    if (HasFatalFailure()) return;
    if (!DriverIsReal()) {
      ComplainForGood({.found = kToldTooLate, .where = "run.json", .advice = kSayItInProfile});
      return;
    }
    workload_ = WorkloadOf(Probe("workload"));
    const PciEvidence pci = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
    const GuestFunction guest = FindGuestFunction(Domain(), device(), pci);
    if (guest.function == nullptr) {
      ComplainForGood({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
      return;
    }
    function_ = *guest.function;
    gpus_ = workload_.FindAll(guest.function->address);
    if (!gpus_.empty()) return;
    if (!workload_.gpus.empty() && !workload_.trouble && MigIsOn(node())) {
      // The reason is told in every report.
      GTEST_SKIP() << node().name << ": CUDA does not show " << DeviceName()
                   << ", so that it was not put to work: MIG is on in this node, where CUDA shows the instances that "
                      "there are, and before driver release 570 one of them alone ("
                   << At(workload_.gpu_count_line) << "). Switch MIG off to have it tested.";
    }
    const std::string why = workload_.trouble ? ": " + workload_.trouble.what : "";
    ComplainForGood({.found = fmt::format("CUDA did not put {} to work{}", DeviceName(), why),
                     .where = workload_.At(workload_.trouble ? workload_.trouble.line
                                                             : workload_.gpu_count_line),
                     .advice = "Look at the checks of Workload first."});
  }
  // CUDA's devices of this GPU: one, or with MIG one for each instance.
  const std::vector<const WorkloadGpu*>& gpus() const { return gpus_; }
  const PciFunction& function() const { return function_; }
  std::string At(int line) const { return workload_.At(line); }
  std::string Name(const WorkloadGpu& gpu) const {
    if (gpus_.size() == 1) return DeviceName();
    const auto number = std::find(gpus_.begin(), gpus_.end(), &gpu) - gpus_.begin() + 1;
    return fmt::format("{} (CUDA device {} of its {})", DeviceName(), number, gpus_.size());
  }
  // Fails with the GPU's trouble; false where there was none.
  bool ComplainOfTrouble(const WorkloadGpu& gpu, const std::string& purpose) {
    if (!gpu.trouble) return false;
    Complain({.found = fmt::format("{}: {}: {}", Name(gpu), purpose, gpu.trouble.what),
              .where = At(gpu.trouble.line),
              .advice = gpu.trouble.advice});
    return true;
  }
  void JudgeMemory(const WorkloadGpu& gpu);
  void JudgeInterrupts(const WorkloadGpu& gpu);
  void JudgeCopies(const WorkloadGpu& gpu);

 private:
  WorkloadEvidence workload_;
  std::vector<const WorkloadGpu*> gpus_;  // of workload_
  PciFunction function_;
};

PASSTHROUGH_CHECKS(GpuWork, GpusWithCuda, "pci", "nvidia_smi_xml", "workload");

void GpuWork::JudgeMemory(const WorkloadGpu& gpu) {
  for (const WorkloadPattern& pattern : gpu.patterns) {
    if (pattern.wrong_words == 0) continue;
    const auto first = std::find_if(
        gpu.mismatches.begin(), gpu.mismatches.end(),
        [&](const WorkloadMismatch& one) { return one.pattern == pattern.name; });
    std::string example;
    if (first != gpu.mismatches.end()) {
      example = fmt::format("; the first at offset {:#x}: {:016x}, expected {:016x}", first->offset,
                            first->found, first->expected);
    }
    Complain({.found = fmt::format("{} returned other data than was written: {} of 64 bits of {} MiB, pattern "
                                   "{}{}",
                                   Name(gpu), Count(pattern.wrong_words, "word"),
                                   gpu.tested_bytes >> 20, pattern.name, example),
              .where = At(pattern.line),
              .advice = "Single bits: the GPU's memory; look at ECC in nvidia-smi -q. Whole ranges: DMA to "
                        "the wrong place; look at the IOMMU's faults in the host's kernel log, and for a VM "
                        "whose memory is not locked."});
  }
  const bool before_interrupts = !gpu.reached_interrupts;
  if (before_interrupts && ComplainOfTrouble(gpu, "its memory could not be tested")) return;
  if (gpu.patterns.empty() || gpu.tested_bytes == 0) {
    Complain({.found = Name(gpu) + ": no memory was tested", .where = At(gpu.line), .advice = ""});
  }
}

TEST_P(GpuWork, MemoryReturnsWhatWasWritten) {
  for (const WorkloadGpu* gpu : gpus()) JudgeMemory(*gpu);
}

// A program can do without: CUDA polls unless told otherwise, and then works, slowly or with a processor at 100 %.
void GpuWork::JudgeInterrupts(const WorkloadGpu& gpu) {
  const std::string advice =
      "Look for \"irq\" and NVRM in the node's kernel log and at the GPU's lines in /proc/interrupts. On the "
      "host: interrupt remapping (dmesg | grep -i remap), and whether MSI works (lspci -vv: MSI: Enable+).";
  const bool asleep = gpu.reached_interrupts && gpu.trouble;
  if (asleep) {
    Complain({.found = fmt::format("{}: nothing woke the program that slept until its copy was done: {}",
                                   Name(gpu), gpu.trouble.what),
              .where = At(gpu.trouble.line),
              .advice = advice});
    return;
  }
  if (ComplainOfTrouble(gpu, "interrupts could not be tested")) return;
  if (gpu.interrupts.value_or(0) > 0) return;
  Complain({.found = fmt::format("{}: no interrupt arrived ({}) while the program slept {} until the GPU had "
                                 "copied",
                                 Name(gpu),
                                 gpu.interrupt_kind == "none" ? "the driver has no interrupt line for it"
                                                                : gpu.interrupt_kind,
                                 Count(static_cast<size_t>(gpu.waits.value_or(0)), "time")),
            .where = At(gpu.interrupts_line),
            .advice = advice});
}

TEST_P(GpuWork, InterruptsArrive) {
  for (const WorkloadGpu* gpu : gpus()) JudgeInterrupts(*gpu);
}

// What no link that works comes down to. Page-locked copies reach three quarters of the link and more; those of a
// GPU in confidential-computing mode are encrypted on the way and reach a few GB/s on any link (arXiv 2606.23969
// measures it), which is no fault. More than the link can carry is no fault either: GPUs that sit on NVLink-C2C
// show a PCIe link, too.
constexpr double kLeastShareOfLink = 0.05;
constexpr double kAlwaysEnough = 3.0;  // GB/s

void GpuWork::JudgeCopies(const WorkloadGpu& gpu) {
  const bool before_rates = !gpu.to_device || !gpu.from_device;
  if (before_rates && ComplainOfTrouble(gpu, "its bandwidth could not be measured")) return;
  if (before_rates) {
    Complain({.found = Name(gpu) + ": no bandwidth was measured", .where = At(gpu.line), .advice = ""});
    return;
  }
  RecordProperty("to_device_gb_per_s", fmt::format("{:.3f}", *gpu.to_device));
  RecordProperty("from_device_gb_per_s", fmt::format("{:.3f}", *gpu.from_device));
  RecordProperty("link", fmt::format("{} x{}", Shortened(Printable(gpu.link_speed), 40), gpu.link_width.value_or(0)));
  const auto link = PcieLinkRate(gpu.link_speed, gpu.link_width.value_or(0));
  // Faster than that link can be, the copies went over another (NVLink-C2C), or sysfs told of it too late.
  if (!link || std::max(*gpu.to_device, *gpu.from_device) <= *link) {
    ComplainOfEach(LinkSpeedUnderLoadProblems(gpu.link_speed, At(gpu.link_line), function(), Name(gpu),
                                              SlotOf(device(), session().HostRunning())));
  }
  if (!link) return;  // the node shows none: there is nothing to compare with
  const double least = std::min(kLeastShareOfLink * *link, kAlwaysEnough);
  for (const auto& [direction, rate] :
       {std::pair("to", *gpu.to_device), std::pair("from", *gpu.from_device)}) {
    if (rate >= least) continue;
    Complain({.found = fmt::format("copies {} {} reach {:.3f} GB/s, expected {:.2f} at least: its link ({} x{}) "
                                   "carries {:.1f}",
                                   direction, Name(gpu), rate, least, gpu.link_speed,
                                   *gpu.link_width, *link),
              .where = At(gpu.rate_line),
              .advice = "Look at AER errors of the GPU and of the ports above it on the host, at the width of "
                        "those ports' links, and at the node's NUMA placement."});
  }
}

TEST_P(GpuWork, CopiesUseTheLink) {
  for (const WorkloadGpu* gpu : gpus()) JudgeCopies(*gpu);
}

}  // namespace
}  // namespace passthrough
