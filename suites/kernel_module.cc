// The kernel's side of the driver: the right module, bound to each GPU.
#include <fmt/format.h>

#include "fixtures/check.h"
#include "helpers/health/driver_versions.h"
#include "helpers/parsers/modules_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"

namespace passthrough {
namespace {

class KernelModule : public NodeCheck {
 protected:
  ModulesEvidence Modules() {
    return ModulesEvidence::Parse(Probe("modules").text, Probe("modules").path);
  }
};

PASSTHROUGH_CHECKS(KernelModule, GpuNodes, "modules", "nvidia_smi");

TEST_P(KernelModule, NvidiaIsLoaded) {
  const ModulesEvidence modules = Modules();
  const LoadedModule* nvidia = modules.Find("nvidia");
  if (nvidia == nullptr) {
    const bool on_disk = !modules.disk_file.empty();
    Complain({.found = fmt::format("kernel module nvidia is not loaded{}",
                                   on_disk ? ", though it is on disk: " + modules.disk_file
                                           : ", and there is none on disk for kernel " +
                                                 modules.kernel_release),
              .where = modules.At(modules.last_line),
              .advice = on_disk ? "modprobe nvidia on the node says why; look at its kernel log."
                                : "Install the driver for this kernel (with DKMS: dkms autoinstall)."});
  } else if (nvidia->state != "Live") {
    Complain({.found = fmt::format("kernel module nvidia is in state {}, expected Live", nvidia->state),
              .where = modules.At(nvidia->line),
              .advice = "Look at the node's kernel log."});
  }
}

TEST_P(KernelModule, NouveauIsNotLoaded) {
  const ModulesEvidence modules = Modules();
  const LoadedModule* nouveau = modules.Find("nouveau");
  if (nouveau == nullptr) return;
  Complain({.found = "kernel module nouveau is loaded",
            .where = modules.At(nouveau->line),
            .advice = "Blacklist nouveau and rebuild the initramfs."});
}

TEST_P(KernelModule, LoadedIsTheOneOnDisk) { ComplainOfEach(DiskVersionProblems(Modules())); }

TEST_P(KernelModule, LibraryIsOfTheSameRelease) {
  const ProbeOutput& table = Probe("nvidia_smi");
  ComplainOfEach(UserspaceVersionProblems(Modules(), NvidiaSmiTable::Parse(table.text, table.path)));
}

class GpuDriver : public DeviceCheck {};

PASSTHROUGH_CHECKS(GpuDriver, Gpus, "pci");

TEST_P(GpuDriver, IsNvidia) {
  const PciEvidence pci = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
  const GuestFunction guest = FindGuestFunction(Domain(), device(), pci);
  if (guest.function == nullptr) {
    Complain({.found = DeviceName() + " " + guest.problem, .where = guest.where, .advice = ""});
    return;
  }
  const std::string& driver = guest.function->driver;
  if (driver == "nvidia") return;
  Complain({.found = fmt::format("{} is bound to {}, expected nvidia", DeviceName(),
                                 driver.empty() ? "no driver" : driver),
            .where = pci.At(guest.function->line),
            .advice = driver == "nouveau" ? "Blacklist nouveau and rebuild the initramfs."
                      : driver.empty()
                          ? "modprobe nvidia on the node says why; look at its kernel log."
                          : "Unbind it from that driver on the node and load nvidia."});
}

}  // namespace
}  // namespace passthrough
