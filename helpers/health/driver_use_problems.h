// Whether a PCI function is as a driver needs it: enabled, and free for the driver that it should have.
#pragma once

#include <string>
#include <string_view>

#include "helpers/health/finding.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// A driver is bound and the kernel could not wake the function or put it to sleep for it (runtime_status "error":
// Linux, Documentation/power/runtime_pm.rst), or it is not enabled for it: the kernel's count of who enabled it is 0,
// it does not decode addresses of memory, or may not start transfers of its own. Each driver of a GPU, its audio
// function or its USB controller sets all three when it takes the function (Linux, drivers/pci/pci.c:
// pci_enable_device, pci_set_master). Nothing more of a function that sleeps, that does not answer, or whose driver
// leaves it to others (vfio-pci, pci-stub). `name`: "GPU 0000:01:00.0".
Findings EnableProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// driver_override keeps the function for another driver (Documentation/ABI/testing/sysfs-bus-pci): a failure where none
// is bound, a note where the bound driver stays until it is bound anew.
Findings DriverOverrideProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// The kernel's driver for what a GPU has beside itself, by class: "snd_hda_intel", "xhci_hcd", "nvidia-nvswitch",
// "nvidia-gpu" (the I2C bus of its USB-C port); empty: none is known. (Linux, sound/pci/hda,
// drivers/usb/host/xhci-pci.c, drivers/i2c/busses/i2c-nvidia-gpu.c.)
std::string_view DriverOfCompanion(const PciFunction& function);

// A function beside a GPU's that has lost its driver: the kernel has the driver, and the function has none, or is held
// by one that does nothing with it. Where the driver is not loaded, nobody asked for it.
Findings CompanionDriverProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

// A note of a function that no driver works with, of which no rule knows which one it should be.
Findings UnusedFunctionProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name);

}  // namespace passthrough
