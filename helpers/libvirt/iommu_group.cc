#include "helpers/libvirt/iommu_group.h"

namespace passthrough {

bool IsVfioDriver(std::string_view driver) {
  return driver == "vfio-pci" || driver.ends_with("-vfio-pci") || driver.ends_with("_vfio_pci");
}

bool LeavesGroupViable(const std::string& driver) {
  return driver.empty() || IsVfioDriver(driver) || driver == "pci-stub" || driver == "pcieport";
}

std::vector<const HostPciDevice*> MembersOnHostDrivers(const HostPciDevice& device,
                                                       const Inventory& inventory) {
  std::vector<const HostPciDevice*> found;
  for (const PciAddress& address : device.iommu_group_members) {
    const HostPciDevice* member = inventory.FindPciDevice(address);
    if (member == nullptr || address == device.address) continue;
    if (!LeavesGroupViable(member->driver)) found.push_back(member);
  }
  return found;
}

}  // namespace passthrough
