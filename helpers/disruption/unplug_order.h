// Which functions are unplugged together, and in which order.
//
// libvirt binds a function of managed='yes' to the host's driver as soon as the guest has let it go
// (virHostdevReAttachPCIDevices() in src/hypervisor/virhostdev.c), one function at a time, while the guest may hold the
// rest of its IOMMU group still. Linux before 5.19 meets that with a BUG (vfio_iommu_group_notifier(), which verifies
// IOMMU_GROUP_NOTIFY_BOUND_DRIVER, in drivers/vfio/vfio.c); since then the host's driver is refused the function
// (-EBUSY of iommu_device_use_default_domain() in drivers/iommu/iommu.c), which stays without one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// Of uname(2)'s release: "6.1.0-18-amd64" is 6.1.
struct KernelVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
  // nullopt where the text does not begin with two numbers.
  static std::optional<KernelVersion> Parse(std::string_view release);
  static std::optional<KernelVersion> OfThisMachine();
};

// Planned functions of one IOMMU group, in the order in which they are unplugged; plugged in the other way round.
struct UnplugGroup {
  std::vector<PciAddress> functions;
  std::vector<PciAddress> gpus;  // of them
  bool IsGpu(const PciAddress& function) const;
  bool operator==(const UnplugGroup&) const = default;
};

struct UnplugPlan {
  std::vector<UnplugGroup> groups;
  std::string problem;  // why nothing may be unplugged; empty: it may
};

// What the host is known to be.
struct UnplugHost {
  // While the node runs: IOMMU groups; without a group, functions of one slot go together.
  const Inventory* running = nullptr;
  // Before the node was made: the drivers to which functions go back; nullptr where nobody looked.
  const Inventory* before = nullptr;
  std::optional<KernelVersion> kernel;  // of a host that is this machine
};

// The GPUs of `node`, each with the planned functions of its group. First go functions which the host has no driver of
// its own for, so that one that it has a driver for goes last, when the group is free. A `problem` where more than one
// of a group would go to a host's driver, as far as is known, and the host's kernel is known to be older than 5.19.
UnplugPlan PlanUnplug(const PlannedNode& node, const UnplugHost& host);

}  // namespace passthrough
