// What the node's kernel says of its GPUs, and of the other functions passed to it, since its boot, whatever their
// maker.
#include "fixtures/check.h"
#include "suites/kernel_log_checks.h"

namespace passthrough {
namespace {

class KernelMessages : public NodeCheckOf<KernelLog, PciEvidence> {
 protected:
  const KernelLog& Log() { return Parsed<KernelLog>(); }
  // Whose functions the log names; none where that is not known, with which the checks of the PCI bus fail.
  LogDevices Devices() {
    try {
      const PciEvidence& pci = Parsed<PciEvidence>();
      return {pci, PlannedFunctionsOf(node(), pci)};
    } catch (const EvidenceError&) {
      return {};
    }
  }
};

PASSTHROUGH_CHECKS(KernelMessages, GpuNodes);

TEST_P(KernelMessages, HaveNoLostDevice) { ReportEach(LostDevicesOf(node(), Log(), Devices())); }

TEST_P(KernelMessages, HaveNoPcieError) { ReportEach(PcieErrorProblems(Log())); }

TEST_P(KernelMessages, HaveNoBarWithoutSpace) { ReportEach(BarsWithoutSpaceOf(node(), Log(), Parsed<PciEvidence>())); }

TEST_P(KernelMessages, HaveNoIommuFault) { ReportEach(IommuFaultProblems(Log(), Devices())); }

TEST_P(KernelMessages, HaveNoDeviceError) { ReportEach(DeviceErrorsOf(node(), Log(), Devices())); }

}  // namespace
}  // namespace passthrough
