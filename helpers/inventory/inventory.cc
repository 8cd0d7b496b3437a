#include "helpers/inventory/inventory.h"

#include <algorithm>

namespace passthrough {
namespace {

template <typename Item>
const Item* FindByName(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const DomainInventory* Inventory::FindDomain(std::string_view name) const { return FindByName(domains, name); }

const NetworkInventory* Inventory::FindNetwork(std::string_view name) const { return FindByName(networks, name); }

const PoolInventory* Inventory::FindPool(std::string_view name) const { return FindByName(pools, name); }

const HostPciDevice* Inventory::FindPciDevice(const PciAddress& address) const {
  const auto found = std::find_if(pci_devices.begin(), pci_devices.end(),
                                  [&](const HostPciDevice& device) { return device.address == address; });
  return found == pci_devices.end() ? nullptr : &*found;
}

}  // namespace passthrough
