#include "helpers/health/nvidia/driver_binding.h"

#include <fmt/format.h>

namespace passthrough {

Findings DriverBindingProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const std::string& driver = function.driver;
  if (driver == "nvidia") return {};
  return {{.found = fmt::format("{} is bound to {}, expected nvidia", name, driver.empty() ? "no driver" : driver),
           .where = pci.At(function.line),
           .advice = driver == "nouveau" ? "Blacklist nouveau and rebuild the initramfs."
                     : driver.empty()    ? "modprobe nvidia on the node says why; look at its kernel log."
                                         : "Unbind it from that driver on the node and load nvidia.",
           .explains = driver.empty() ? Explains::kGpu : Explains::kOtherDriver}};
}

}  // namespace passthrough
