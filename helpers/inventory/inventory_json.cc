// The inventory as JSON, the form in which a run keeps it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/json_fields.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

using nlohmann::json;

void to_json(json& value, const HostPciDevice& device) {
  value = {{"address", device.address},
           {"class", device.class_code},
           {"vendor", device.vendor_id},
           {"device", device.device_id},
           {"driver", device.driver}};
  PutOptional(value, "parent", device.parent);
  PutOptional(value, "max_link_width", device.max_link_width);
  PutOptional(value, "max_link_speed", device.max_link_speed);
  PutOptional(value, "physical_function", device.physical_function);
  PutOptional(value, "iommu_group", device.iommu_group);
  if (device.iommu_group) value["iommu_group_members"] = device.iommu_group_members;
}

void from_json(const json& value, HostPciDevice& device) {
  value.at("address").get_to(device.address);
  value.at("class").get_to(device.class_code);
  value.at("vendor").get_to(device.vendor_id);
  value.at("device").get_to(device.device_id);
  value.at("driver").get_to(device.driver);
  GetOptional(value, "parent", device.parent);
  GetOptional(value, "max_link_width", device.max_link_width);
  GetOptional(value, "max_link_speed", device.max_link_speed);
  GetOptional(value, "physical_function", device.physical_function);
  GetOptional(value, "iommu_group", device.iommu_group);
  if (device.iommu_group) value.at("iommu_group_members").get_to(device.iommu_group_members);
}

void to_json(json& value, const DomainHostdev& hostdev) {
  value = {{"host_address", hostdev.host_address}, {"alias", hostdev.alias}, {"managed", hostdev.managed}};
  PutOptional(value, "guest_address", hostdev.guest_address);
}

void from_json(const json& value, DomainHostdev& hostdev) {
  value.at("host_address").get_to(hostdev.host_address);
  value.at("alias").get_to(hostdev.alias);
  value.at("managed").get_to(hostdev.managed);
  GetOptional(value, "guest_address", hostdev.guest_address);
}

void to_json(json& value, const DomainInventory& domain) {
  value = {{"name", domain.name},         {"uuid", domain.uuid},
           {"state", domain.state},       {"persistent", domain.persistent},
           {"hostdevs", domain.hostdevs}, {"mac_addresses", domain.mac_addresses},
           {"networks", domain.networks}};
  PutOptional(value, "defined_hostdevs", domain.defined_hostdevs);
}

void from_json(const json& value, DomainInventory& domain) {
  value.at("name").get_to(domain.name);
  value.at("uuid").get_to(domain.uuid);
  value.at("state").get_to(domain.state);
  value.at("persistent").get_to(domain.persistent);
  value.at("hostdevs").get_to(domain.hostdevs);
  value.at("mac_addresses").get_to(domain.mac_addresses);
  domain.networks = value.value("networks", std::vector<std::string>());
  GetOptional(value, "defined_hostdevs", domain.defined_hostdevs);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NetworkInventory, name, uuid, bridge, active, leases)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PoolInventory, name, uuid, path, active, volumes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Inventory, hypervisor, hostname, domains, networks, pools, interfaces, pci_devices)

std::string ToJson(const Inventory& inventory) {
  json value = inventory;
  value["lists_bridges"] = inventory.lists_bridges;
  // Names come from other machines: bytes that are no UTF-8 must not stop the run.
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Inventory InventoryFromJson(std::string_view text) {
  try {
    const json value = json::parse(text);
    auto inventory = value.get<Inventory>();
    inventory.lists_bridges = value.value("lists_bridges", true);  // runs of older releases do not say
    return inventory;
  } catch (const json::exception& error) {
    throw EvidenceError(fmt::format("cannot read the host's inventory: {}", error.what()));
  }
}

}  // namespace passthrough
