// The GPUs at work: what any CUDA program on the node would meet. Where the driver is a stand-in, as in the lab,
// there is no CUDA to ask: then these checks are not part of the run, and every report says so.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "fixtures/check.h"
#include "helpers/base/text.h"
#include "helpers/health/link_problems.h"
#include "helpers/health/nvidia/copy_rate_problems.h"
#include "helpers/health/nvidia/cuda_problems.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "helpers/parsers/nvidia/workload_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"
#include "suites/nvidia/nvidia_gpus.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

bool DriverIsReal() { return Session::Get().StubDriver().empty(); }

std::vector<const PlannedNode*> NodesWithCuda() {
  return DriverIsReal() ? NvidiaNodes() : std::vector<const PlannedNode*>();
}

std::vector<DeviceOfNode> GpusWithCuda() { return DriverIsReal() ? NvidiaGpus() : std::vector<DeviceOfNode>(); }

// A host may say only once it is up that its driver is a stand-in: too late to leave these checks out.
constexpr char kKnownTooLate[] =
    "the host's facts file says that the GPU driver is a stand-in, and the profile does not";
constexpr char kSayItInProfile[] =
    "Write stub_driver into the profile: the checks that need a real driver are left out then.";

// A check of what CUDA made of the node's GPUs. `Base`: NodeCheck or DeviceCheck.
template <typename Base>
class CudaCheck : public CheckOf<Base, PciEvidence, NvidiaSmiXml, WorkloadEvidence> {
 protected:
  void SetUp() override {
    Base::SetUp();
    if (this->HasFatalFailure() || this->IsSkipped() || DriverIsReal()) return;
    Check::ReportFatalFailure(this->node().name,
                              {.found = kKnownTooLate, .where = "run.json", .advice = kSayItInProfile});
  }
  const WorkloadEvidence& Cuda() { return this->template Parsed<WorkloadEvidence>(); }
  bool SmiAnswered() {
    try {
      this->template Parsed<NvidiaSmiXml>();
      return true;
    } catch (const EvidenceError&) {
      return false;
    }
  }
  // Whether CUDA may not show the GPU at `address` of the node because of MIG: it shows instances in place of a GPU
  // that is divided, and before driver release 570 one of them in all, and no GPU that is not divided. (NVIDIA, "MIG
  // User Guide".)
  bool MigHides(const PciAddress& address) {
    try {
      const NvidiaSmiXml& xml = this->template Parsed<NvidiaSmiXml>();
      const bool shows_one_alone = std::strtol(xml.driver_version.c_str(), nullptr, 10) < 570;
      return std::any_of(xml.gpus.begin(), xml.gpus.end(), [&](const NvidiaSmiGpu& gpu) {
        return gpu.MigIsOn() && (shows_one_alone || gpu.bus_id == address);
      });
    } catch (const EvidenceError&) {
      return false;  // the checks of NvidiaSmi fail with it; nothing is excused here
    }
  }
};

class Workload : public CudaCheck<NodeCheck> {};

PASSTHROUGH_CHECKS(Workload, NodesWithCuda);

TEST_P(Workload, CudaInitialises) {
  const WorkloadEvidence& workload = Cuda();
  if (!workload.stand_in.empty()) {
    ReportFailure({.found = "the CUDA library of the node is a stand-in: " + workload.stand_in,
                   .where = workload.At(workload.stand_in_line),
                   .advice = "Take it out of the loader's path."});
  }
  if (!workload.trouble) return;
  ReportFailure(
      {.found = workload.trouble.what, .where = workload.At(workload.trouble.line), .advice = workload.trouble.advice});
}

TEST_P(Workload, CudaHasExactlyThePlannedGpus) {
  const WorkloadEvidence& workload = Cuda();
  const PciEvidence& pci = Parsed<PciEvidence>();
  std::multiset<std::string> planned;
  for (const PlannedDevice& device : NvidiaGpusOf(node())) {
    const GuestFunction guest = FindGuestFunction(Domain(), device, pci);
    planned.insert(guest.function != nullptr ? guest.function->address.ToString()
                                             : "nowhere (" + device.host_address.ToString() + " of the host)");
  }
  std::multiset<std::string> found;
  for (const WorkloadGpu& gpu : workload.gpus) {
    found.insert(gpu.bus_id ? gpu.bus_id->ToString() : "no address");
  }
  if (found == planned && workload.gpu_count == static_cast<int>(planned.size())) return;
  // Of the planned GPUs that CUDA does not show, GpuWork says so.
  const bool no_others =
      !found.empty() && workload.gpu_count == static_cast<int>(found.size()) &&
      std::all_of(found.begin(), found.end(), [&](const std::string& one) { return planned.count(one) > 0; });
  const auto is_excused = [&](const std::string& one) {
    const auto address = PciAddress::Parse(one);
    return found.count(one) == planned.count(one) || (address && MigHides(*address));
  };
  if (no_others && std::all_of(planned.begin(), planned.end(), is_excused)) return;
  const std::string none = workload.gpu_count ? "no GPU" : "not come to its GPUs";
  ReportFailure({.found = fmt::format("CUDA has {}{}, the node was given GPUs at {}", found.empty() ? none : "GPUs at ",
                                      fmt::join(found, ", "), fmt::join(planned, ", ")),
                 .where = workload.At(workload.gpu_count_line),
                 .advice = "Compare with nvidia-smi, and look whether MIG is on without instances."});
}

// One planned GPU at work.
class GpuWork : public CudaCheck<DeviceCheck> {
 protected:
  void SetUp() override {
    CudaCheck::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    const WorkloadEvidence& workload = Cuda();
    const GuestFunction guest = FindGuestFunction(Domain(), device(), Parsed<PciEvidence>());
    if (guest.function == nullptr) {
      ReportFatalFailure({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
      return;
    }
    function_ = guest.function;
    gpus_ = workload.FindAll(guest.function->address);
    if (!gpus_.empty()) return;
    if (!workload.gpus.empty() && !workload.trouble && MigHides(guest.function->address)) {
      // Every report shows the reason.
      GTEST_SKIP() << node().name << ": CUDA does not show " << DeviceName()
                   << ", so that it was not put to work: MIG is on in this node, where CUDA shows the instances that "
                      "there are, and before driver release 570 one of them alone ("
                   << At(workload.gpu_count_line) << "). Switch MIG off to have it tested.";
    }
    const std::string why = workload.trouble ? ": " + workload.trouble.what : "";
    ReportFatalFailure({.found = fmt::format("CUDA did not put {} to work{}", DeviceName(), why),
                        .where = workload.At(workload.trouble ? workload.trouble.line : workload.gpu_count_line),
                        .advice = "Look at the checks of Workload first."});
  }
  // CUDA's devices of this GPU: one, or with MIG one for each instance.
  const std::vector<const WorkloadGpu*>& gpus() const { return gpus_; }
  const PciFunction& function() const { return *function_; }
  std::string At(int line) { return Cuda().At(line); }
  std::string Name(const WorkloadGpu& gpu) const {
    if (gpus_.size() == 1) return DeviceName();
    const auto number = std::find(gpus_.begin(), gpus_.end(), &gpu) - gpus_.begin() + 1;
    return fmt::format("{} (CUDA device {} of its {})", DeviceName(), number, gpus_.size());
  }
  // Fails with the GPU's trouble; false where there was none.
  bool ReportTrouble(const WorkloadGpu& gpu, const std::string& purpose) {
    if (!gpu.trouble || gpu.reached_kernel) return false;  // the kernel comes last, and is ComputesRightly's
    ReportFailure({.found = fmt::format("{}: {}: {}", Name(gpu), purpose, gpu.trouble.what),
                   .where = At(gpu.trouble.line),
                   .advice = gpu.trouble.advice});
    return true;
  }
  void CheckMemory(const WorkloadGpu& gpu);
  void CheckInterrupts(const WorkloadGpu& gpu);
  // Fails where nothing was measured.
  Findings CopyProblems(const WorkloadGpu& gpu);

 private:
  std::vector<const WorkloadGpu*> gpus_;
  const PciFunction* function_ = nullptr;
};

PASSTHROUGH_CHECKS(GpuWork, GpusWithCuda);

void GpuWork::CheckMemory(const WorkloadGpu& gpu) {
  for (const WorkloadPattern& pattern : gpu.patterns) {
    if (pattern.wrong_words == 0) continue;
    const auto first = std::find_if(gpu.mismatches.begin(), gpu.mismatches.end(),
                                    [&](const WorkloadMismatch& one) { return one.pattern == pattern.name; });
    std::string example;
    if (first != gpu.mismatches.end()) {
      example = fmt::format("; the first at offset {:#x}: {:016x}, expected {:016x}", first->offset, first->found,
                            first->expected);
    }
    ReportFailure({.found = fmt::format("{} returned other data than was written: {} of 64 bits of {} MiB, pattern "
                                        "{}{}",
                                        Name(gpu), Count(pattern.wrong_words, "word"), gpu.tested_bytes >> 20,
                                        pattern.name, example),
                   .where = At(pattern.line),
                   .advice = "Single bits: the GPU's memory; look at ECC in nvidia-smi -q. Whole ranges: DMA to "
                             "the wrong place; look at the IOMMU's faults in the host's kernel log, and for a VM "
                             "whose memory is not locked."});
  }
  RecordProperty("memory_tested_mib", fmt::format("{}", gpu.tested_bytes >> 20));
  if (gpu.memory_bytes) RecordProperty("memory_mib", fmt::format("{}", *gpu.memory_bytes >> 20));
  const bool before_interrupts = !gpu.reached_interrupts;
  if (before_interrupts && ReportTrouble(gpu, "its memory could not be tested")) return;
  if (gpu.patterns.empty() || gpu.tested_bytes == 0) {
    ReportFailure({.found = Name(gpu) + ": no memory was tested", .where = At(gpu.line), .advice = ""});
  } else if (gpu.patterns.size() < kWorkloadPatterns) {
    ReportFailure({.found = fmt::format("{}: its memory was tested with {} of {} patterns", Name(gpu),
                                        gpu.patterns.size(), kWorkloadPatterns),
                   .where = At(gpu.line),
                   .advice = ""});
  }
}

TEST_P(GpuWork, MemoryReturnsWhatWasWritten) {
  for (const WorkloadGpu* gpu : gpus()) CheckMemory(*gpu);
}

// A program can do without: CUDA polls by default, and then works, slowly or with a processor at 100 %.
void GpuWork::CheckInterrupts(const WorkloadGpu& gpu) {
  const std::string advice =
      "Look for \"irq\" and NVRM in the node's kernel log and at the GPU's lines in /proc/interrupts. On the "
      "host: interrupt remapping (dmesg | grep -i remap), and whether MSI works (lspci -vv: MSI: Enable+).";
  const bool asleep = gpu.reached_interrupts && !gpu.reached_kernel && gpu.trouble;
  if (asleep) {
    ReportFailure({.found = fmt::format("{}: nothing woke the program that slept until its copy was done: {}",
                                        Name(gpu), gpu.trouble.what),
                   .where = At(gpu.trouble.line),
                   .advice = advice});
    return;
  }
  if (ReportTrouble(gpu, "interrupts could not be tested")) return;
  const uint64_t arrived = static_cast<uint64_t>(gpu.interrupts.value_or(0));
  const uint64_t waits = static_cast<uint64_t>(gpu.waits.value_or(0));
  if (arrived * 2 >= waits && arrived > 0) return;
  if (arrived > 0) {
    ReportEach({{.found = fmt::format("{}: only {} arrived while the program slept {} until the GPU had copied",
                                      Name(gpu), Count(arrived, "interrupt"), Count(waits, "time")),
                 .where = At(gpu.interrupts_line),
                 .advice = advice,
                 .note = true}});
    return;
  }
  ReportFailure(
      {.found = fmt::format(
           "{}: no interrupt arrived ({}) while the program slept {} until the GPU had "
           "copied",
           Name(gpu), gpu.interrupt_kind == "none" ? "the driver has no interrupt line for it" : gpu.interrupt_kind,
           Count(static_cast<size_t>(gpu.waits.value_or(0)), "time")),
       .where = At(gpu.interrupts_line),
       .advice = advice});
}

TEST_P(GpuWork, InterruptsArrive) {
  for (const WorkloadGpu* gpu : gpus()) CheckInterrupts(*gpu);
}

Findings GpuWork::CopyProblems(const WorkloadGpu& gpu) {
  const bool before_rates = !gpu.to_device || !gpu.from_device;
  if (before_rates && ReportTrouble(gpu, "its bandwidth could not be measured")) return {};
  if (before_rates) return {{.found = Name(gpu) + ": no bandwidth was measured", .where = At(gpu.line), .advice = ""}};
  RecordProperty("to_device_gb_per_s", fmt::format("{:.3f}", *gpu.to_device));
  RecordProperty("from_device_gb_per_s", fmt::format("{:.3f}", *gpu.from_device));
  RecordProperty("link", fmt::format("{} x{}", Shortened(Printable(gpu.link_speed), 40), gpu.link_width.value_or(0)));
  const LinkShares shares = SharesOfLink(gpu);
  if (shares.to_device) RecordProperty("to_device_percent_of_link", fmt::format("{:.1f}", *shares.to_device * 100));
  if (shares.from_device)
    RecordProperty("from_device_percent_of_link", fmt::format("{:.1f}", *shares.from_device * 100));
  Findings findings = CopyRateProblems(Cuda(), gpu, Name(gpu), session().LeastLinkPercent());
  // Faster than that link can be, the copies went over another (NVLink-C2C), or sysfs showed it too late.
  if (std::max(shares.to_device.value_or(0), shares.from_device.value_or(0)) <= 1) {
    for (Finding& finding : LinkSpeedUnderLoadProblems(gpu.link_speed, At(gpu.link_line), function(), Name(gpu),
                                                       SlotOf(device(), session().HostRunning()))) {
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

TEST_P(GpuWork, CopiesUseTheLink) {
  Findings findings;
  for (const WorkloadGpu* gpu : gpus()) {
    for (Finding& finding : CopyProblems(*gpu)) findings.push_back(std::move(finding));
  }
  ReportEach(findings);
}

TEST_P(GpuWork, ComputesRightly) {
  for (const WorkloadGpu* gpu : gpus()) ReportEach(KernelProblems(Cuda(), *gpu, Name(*gpu)));
}

// Where nvidia-smi does not answer, the checks of NvidiaSmi fail.
TEST_P(GpuWork, IsForCudaWhatItIsForNvidiaSmi) {
  const WorkloadEvidence& cuda = Cuda();
  if (!SmiAnswered()) return;
  const NvidiaSmiXml& xml = Parsed<NvidiaSmiXml>();
  for (const NvidiaSmiGpu& in_xml : xml.gpus) {
    if (in_xml.bus_id != function().address) continue;
    for (const WorkloadGpu* gpu : gpus()) ReportEach(CudaAgainstSmi(cuda, *gpu, xml, in_xml, Name(*gpu)));
  }
}

}  // namespace
}  // namespace passthrough
