#include "helpers/libvirt/iommu_group.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

// A GPU with a virtual function, both on `driver`.
struct VgpuHost {
  explicit VgpuHost(const std::string& driver, uint32_t class_code = 0x030200) {
    HostPciDevice physical;
    physical.address = *PciAddress::Parse("0000:01:00.0");
    physical.class_code = class_code;
    physical.driver = driver;
    vgpu = physical;
    vgpu.address = *PciAddress::Parse("0000:01:00.4");
    vgpu.physical_function = physical.address;
    host.pci_devices = {physical, vgpu};
  }
  bool Stays(bool managed = false) const {
    DomainHostdev hostdev;
    hostdev.host_address = vgpu.address;
    hostdev.managed = managed;
    return IsVgpuOnVendorDriver(vgpu, hostdev, host);
  }
  HostPciDevice vgpu;
  Inventory host;
};

TEST(VgpuOnVendorDriverTest, StaysOnTheDriverOfItsPhysicalFunction) {
  EXPECT_TRUE(VgpuHost("nvidia").Stays());
  EXPECT_FALSE(VgpuHost("nvidia").Stays(true)) << "libvirt was to put it on vfio-pci";
  EXPECT_FALSE(VgpuHost("").Stays());
  // Whose virtual functions are given to VMs on vfio drivers alone.
  for (const char* driver : {"amdgpu", "i915", "xe"}) EXPECT_FALSE(VgpuHost(driver).Stays()) << driver;
}

TEST(VgpuOnVendorDriverTest, IsNoOtherFunction) {
  VgpuHost another_driver("nvidia");
  another_driver.vgpu.driver = "nouveau";
  EXPECT_FALSE(another_driver.Stays());
  VgpuHost whole_gpu("nvidia");
  whole_gpu.vgpu.physical_function.reset();
  EXPECT_FALSE(whole_gpu.Stays());
  VgpuHost unknown("nvidia");
  unknown.host.pci_devices.clear();
  EXPECT_FALSE(unknown.Stays());
  EXPECT_FALSE(VgpuHost("mlx5_core", 0x020000).Stays()) << "a network function works in a VM on a vfio driver alone";
}

}  // namespace
}  // namespace passthrough
