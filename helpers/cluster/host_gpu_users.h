// Who uses the planned devices on the host before they are given away.
//
// libvirt binds a function of managed='yes' to vfio-pci by writing to the driver's unbind file in sysfs
// (virPCIDeviceUnbind() in src/util/virpci.c), and waits there for as long as the driver's remove function does.
// NVIDIA's waits until nobody has the GPU open (nv_pci_remove_helper() in kernel-open/nvidia/nv-pci.c of
// open-gpu-kernel-modules: "We can't return from this function without corrupting state, so we wait for the usage count
// to go to zero"); those of other GPUs, and the console on them, hang or crash. libvirtd waits with them, and so does
// everybody who asks it for that domain.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

struct HostUse {
  std::vector<std::string> problems;  // the unbind would hang, the start fail, or the host lose what it runs on
  std::vector<std::string> notes;     // it may, or that cannot be seen
};

// How much can be seen of the host.
struct HostView {
  bool is_this_machine = false;
  bool sees_all_processes = false;   // as root; others see their own alone
  std::filesystem::path root = "/";  // before /proc, /sys, /dev
};

// Of nodes that are started. Sentences that name the device, its driver and who holds it, with what to do. What running
// domains have is no matter of this: DeviceProblems() names them.
HostUse UseOfPlannedDevices(const Plan& plan, const Inventory& inventory, const HostView& view);

}  // namespace passthrough
