#include "helpers/libvirt/iommu_group.h"

namespace passthrough {

bool IsVfioDriver(std::string_view driver) {
  return driver == "vfio-pci" || driver.ends_with("-vfio-pci") || driver.ends_with("_vfio_pci");
}

bool LeavesGroupViable(const std::string& driver) {
  return driver.empty() || IsVfioDriver(driver) || driver == "pci-stub" || driver == "pcieport";
}

bool IsGivenAwayByNvidia(const HostPciDevice& device, const DomainHostdev& hostdev) {
  return device.driver == "nvidia" && device.physical_function && !hostdev.managed;
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
