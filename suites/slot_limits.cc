#include "suites/slot_limits.h"

namespace passthrough {

SlotLimits SlotOf(const PlannedDevice& device, const Inventory& host) {
  const HostPciDevice* on_host = host.FindPciDevice(device.host_address);
  if (on_host == nullptr || !on_host->parent) return {};
  const HostPciDevice* bridge = host.FindPciDevice(*on_host->parent);
  if (bridge == nullptr) return {};
  SlotLimits slot;
  slot.width = bridge->max_link_width;
  if (bridge->max_link_speed) slot.generation = PcieGeneration(*bridge->max_link_speed);
  return slot;
}

}  // namespace passthrough
