// What the host's slot of a planned device can.
#pragma once

#include "helpers/config/plan.h"
#include "helpers/health/link_problems.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// From the Link Capabilities of the bridge above the device on the host; nothing where libvirt does not
// know them.
SlotLimits SlotOf(const PlannedDevice& device, const Inventory& host);

}  // namespace passthrough
