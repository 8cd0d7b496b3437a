#include "helpers/libvirt/iommu_group.h"

#include "helpers/base/gpu_class.h"

namespace passthrough {

bool IsVfioDriver(std::string_view driver) {
  return driver == "vfio-pci" || driver.ends_with("-vfio-pci") || driver.ends_with("_vfio_pci");
}

bool LeavesGroupViable(const std::string& driver) {
  return driver.empty() || IsVfioDriver(driver) || driver == "pci-stub" || driver == "pcieport";
}

bool IsVgpuOnVendorDriver(const HostPciDevice& device, const DomainHostdev& hostdev, const Inventory& host) {
  // AMD's and Intel's virtual functions are given to VMs on vfio drivers, as those of other devices are: on the driver
  // of their physical function they are the host's own.
  constexpr std::string_view kGivesAwayVgpus = "nvidia";
  if (hostdev.managed || device.driver != kGivesAwayVgpus || !device.physical_function) return false;
  if (!IsGpuClass(device.class_code)) return false;
  const HostPciDevice* physical = host.FindPciDevice(*device.physical_function);
  return physical != nullptr && physical->driver == device.driver;
}

std::vector<const HostPciDevice*> MembersOnHostDrivers(const HostPciDevice& device, const Inventory& inventory) {
  std::vector<const HostPciDevice*> found;
  for (const PciAddress& address : device.iommu_group_members) {
    const HostPciDevice* member = inventory.FindPciDevice(address);
    if (member == nullptr || address == device.address) continue;
    if (!LeavesGroupViable(member->driver)) found.push_back(member);
  }
  return found;
}

}  // namespace passthrough
