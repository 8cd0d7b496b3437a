// What NVIDIA's driver says in the node's kernel log since its boot.
#include "fixtures/check.h"
#include "helpers/health/nvidia/driver_log_problems.h"
#include "suites/nvidia/nvidia_gpus.h"

namespace passthrough {
namespace {

class NvidiaKernelMessages : public NodeCheckOf<KernelLog, ModulesEvidence> {
 protected:
  const KernelLog& Log() { return Parsed<KernelLog>(); }
  GpuUse Use() { return session().Attached() ? GpuUse::kOfOthersToo : GpuUse::kOfThisRun; }
};

PASSTHROUGH_CHECKS(NvidiaKernelMessages, NvidiaNodes);

TEST_P(NvidiaKernelMessages, HaveNoXid) { ReportEach(XidProblems(Log(), Use())); }

TEST_P(NvidiaKernelMessages, HaveNoFailedDriverStart) { ReportEach(DriverInitProblems(Log(), Use())); }

TEST_P(NvidiaKernelMessages, HaveNoDriverError) { ReportEach(DriverErrorProblems(Log())); }

TEST_P(NvidiaKernelMessages, HaveNoRefusedModule) {
  ReportEach(RefusedModuleProblems(Log(), Parsed<ModulesEvidence>()));
}

}  // namespace
}  // namespace passthrough
