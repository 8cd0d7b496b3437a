// What the node's kernel says of its GPUs since its boot.
#include "fixtures/check.h"
#include "helpers/health/kernel_log_problems.h"
#include "suites/read_kernel_log.h"

namespace passthrough {
namespace {

class KernelMessages : public NodeCheck {
 protected:
  KernelLog Log() { return ReadKernelLog(Probe("kernel_log")); }
};

PASSTHROUGH_CHECKS(KernelMessages, GpuNodes, "kernel_log", "modules", "pci");

TEST_P(KernelMessages, HaveNoXid) {
  ComplainOfEach(XidProblems(Log(), session().Attached() ? GpuUse::kOfOthersToo : GpuUse::kOfThisRun));
}

TEST_P(KernelMessages, HaveNoLostDevice) { ComplainOfEach(LostDeviceProblems(Log())); }

TEST_P(KernelMessages, HaveNoFailedDriverStart) { ComplainOfEach(DriverInitProblems(Log())); }

TEST_P(KernelMessages, HaveNoRefusedModule) {
  const ProbeOutput& modules = Probe("modules");
  ComplainOfEach(RefusedModuleProblems(Log(), ModulesEvidence::Parse(modules.text, modules.path)));
}

TEST_P(KernelMessages, HaveNoPcieError) { ComplainOfEach(PcieErrorProblems(Log())); }

TEST_P(KernelMessages, HaveNoBarWithoutSpace) {
  const ProbeOutput& pci = Probe("pci");
  ComplainOfEach(BarSpaceProblems(Log(), PciEvidence::Parse(pci.text, pci.path)));
}

}  // namespace
}  // namespace passthrough
