// What an IOMMU group asks of its members before one of them can be given to a VM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "helpers/inventory/inventory.h"

namespace passthrough {

// vfio-pci, or one of its variants for a kind of device, whose names end in it: "mlx5_vfio_pci",
// "nvgrace-gpu-vfio-pci" (Linux, drivers/vfio/pci).
bool IsVfioDriver(std::string_view driver);

// A group is given away as a whole: each member is on a vfio driver or on none. Bridges may stay on pcieport,
// and pci-stub does nothing (Documentation/driver-api/vfio.rst; driver_managed_dma in the kernel).
bool LeavesGroupViable(const std::string& driver);

// A vGPU of one of NVIDIA's GPUs with SR-IOV, whose host driver gives the virtual function to the VM itself: the
// function stays on the driver of its physical function, and managed='no' has libvirt leave it there (NVIDIA, "Virtual
// GPU Software User Guide"). `host`: has the physical function.
bool IsVgpuOnVendorDriver(const HostPciDevice& device, const DomainHostdev& hostdev, const Inventory& host);

// The other members of `device`'s group that are on a driver which keeps the group from being given away.
// Members that `inventory` does not list count as on no driver.
std::vector<const HostPciDevice*> MembersOnHostDrivers(const HostPciDevice& device, const Inventory& inventory);

}  // namespace passthrough
