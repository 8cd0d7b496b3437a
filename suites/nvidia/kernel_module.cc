// The kernel's side of the driver: the right module, bound to each GPU.
#include <fmt/format.h>

#include "fixtures/check.h"
#include "helpers/health/nvidia/driver_binding.h"
#include "helpers/health/nvidia/driver_versions.h"
#include "helpers/parsers/nvidia/modules_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"
#include "suites/nvidia/nvidia_gpus.h"

namespace passthrough {
namespace {

class KernelModule : public NodeCheckOf<ModulesEvidence, NvidiaSmiTable> {
 protected:
  const ModulesEvidence& Modules() { return Parsed<ModulesEvidence>(); }
};

PASSTHROUGH_CHECKS(KernelModule, NvidiaNodes);

TEST_P(KernelModule, NvidiaIsLoaded) {
  const ModulesEvidence& modules = Modules();
  const LoadedModule* nvidia = modules.Find("nvidia");
  if (nvidia == nullptr) {
    const bool on_disk = !modules.disk_file.empty();
    ReportFailure({.found = fmt::format("kernel module nvidia is not loaded{}",
                                        on_disk ? ", though it is on disk: " + modules.disk_file
                                                : ", and there is none on disk for kernel " + modules.kernel_release),
                   .where = modules.At(modules.last_line),
                   .advice = on_disk ? "modprobe nvidia on the node says why; look at its kernel log."
                                     : "Install the driver for this kernel (with DKMS: dkms autoinstall).",
                   .explains = Explains::kGpus});
  } else if (nvidia->state != "Live") {
    ReportFailure({.found = fmt::format("kernel module nvidia is in state {}, expected Live", nvidia->state),
                   .where = modules.At(nvidia->line),
                   .advice = "Look at the node's kernel log."});
  }
}

TEST_P(KernelModule, NouveauIsNotLoaded) {
  const ModulesEvidence& modules = Modules();
  const LoadedModule* nouveau = modules.Find("nouveau");
  if (nouveau == nullptr) return;
  ReportFailure({.found = "kernel module nouveau is loaded",
                 .where = modules.At(nouveau->line),
                 .advice = "Blacklist nouveau and rebuild the initramfs.",
                 .explains = Explains::kItself});
}

TEST_P(KernelModule, LoadedIsTheOneOnDisk) { ReportEach(DiskVersionProblems(Modules())); }

TEST_P(KernelModule, LibraryIsOfTheSameRelease) {
  ReportEach(UserspaceVersionProblems(Modules(), Parsed<NvidiaSmiTable>()));
}

class GpuDriver : public DeviceCheckOf<PciEvidence> {};

PASSTHROUGH_CHECKS(GpuDriver, NvidiaGpus);

TEST_P(GpuDriver, IsNvidia) {
  const PciEvidence& pci = Parsed<PciEvidence>();
  const GuestFunction guest = FindGuestFunction(Domain(), device(), pci);
  if (guest.function == nullptr) {
    ReportFailure({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
    return;
  }
  ReportEach(DriverBindingProblems(pci, *guest.function, DeviceName()));
}

}  // namespace
}  // namespace passthrough
