// The planned devices as the host has them, before a cluster is deployed.
#pragma once

#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// Why they cannot be passed through, as sentences that say what to do: each must be there, with the planned ids, in an
// IOMMU group that can be given away, and no running domain's. `emulated_devices`: as in a profile; the ids on the host
// are not compared.
std::vector<std::string> DeviceProblems(const Plan& plan, const Inventory& inventory, bool emulated_devices,
                                        const std::string& libvirt_uri);

}  // namespace passthrough
