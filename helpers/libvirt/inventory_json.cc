// The inventory as JSON, the form in which a run keeps it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/inventory.h"

namespace passthrough {
namespace {

using nlohmann::json;

PciAddress AddressFrom(const json& value) {
  const auto text = value.get<std::string>();
  const auto address = PciAddress::Parse(text);
  if (!address) throw EvidenceError(fmt::format("\"{}\" is not a PCI address", Printable(text)));
  return *address;
}

json ToJsonValue(const HostPciDevice& device) {
  json value = {{"address", device.address.ToString()},
                {"class", device.class_code},
                {"vendor", device.vendor_id},
                {"device", device.device_id},
                {"driver", device.driver}};
  if (device.parent) value["parent"] = device.parent->ToString();
  if (device.max_link_width) value["max_link_width"] = *device.max_link_width;
  if (device.max_link_speed) value["max_link_speed"] = *device.max_link_speed;
  if (device.physical_function) value["physical_function"] = device.physical_function->ToString();
  if (!device.iommu_group) return value;
  value["iommu_group"] = *device.iommu_group;
  json members = json::array();
  for (const PciAddress& member : device.iommu_group_members) members.push_back(member.ToString());
  value["iommu_group_members"] = members;
  return value;
}

HostPciDevice PciDeviceFrom(const json& value) {
  HostPciDevice device;
  device.address = AddressFrom(value.at("address"));
  value.at("class").get_to(device.class_code);
  value.at("vendor").get_to(device.vendor_id);
  value.at("device").get_to(device.device_id);
  value.at("driver").get_to(device.driver);
  if (value.contains("parent")) device.parent = AddressFrom(value.at("parent"));
  if (value.contains("max_link_width")) device.max_link_width = value.at("max_link_width").get<int>();
  if (value.contains("max_link_speed")) device.max_link_speed = value.at("max_link_speed").get<double>();
  if (value.contains("physical_function")) device.physical_function = AddressFrom(value.at("physical_function"));
  if (!value.contains("iommu_group")) return device;
  device.iommu_group = value.at("iommu_group").get<int>();
  for (const json& member : value.at("iommu_group_members")) {
    device.iommu_group_members.push_back(AddressFrom(member));
  }
  return device;
}

json ToJsonValue(const DomainHostdev& hostdev) {
  json value = {{"host_address", hostdev.host_address.ToString()},
                {"alias", hostdev.alias},
                {"managed", hostdev.managed}};
  if (hostdev.guest_address) value["guest_address"] = hostdev.guest_address->ToString();
  return value;
}

DomainHostdev HostdevFrom(const json& value) {
  DomainHostdev hostdev;
  hostdev.host_address = AddressFrom(value.at("host_address"));
  value.at("alias").get_to(hostdev.alias);
  value.at("managed").get_to(hostdev.managed);
  if (value.contains("guest_address")) {
    hostdev.guest_address = AddressFrom(value.at("guest_address"));
  }
  return hostdev;
}

json ToJsonValue(const DomainInventory& domain) {
  json hostdevs = json::array();
  for (const DomainHostdev& hostdev : domain.hostdevs) hostdevs.push_back(ToJsonValue(hostdev));
  return {{"name", domain.name},   {"uuid", domain.uuid},
          {"state", domain.state}, {"persistent", domain.persistent},
          {"hostdevs", hostdevs},  {"mac_addresses", domain.mac_addresses}};
}

DomainInventory DomainFrom(const json& value) {
  DomainInventory domain;
  value.at("name").get_to(domain.name);
  value.at("uuid").get_to(domain.uuid);
  value.at("state").get_to(domain.state);
  value.at("persistent").get_to(domain.persistent);
  value.at("mac_addresses").get_to(domain.mac_addresses);
  for (const json& hostdev : value.at("hostdevs")) domain.hostdevs.push_back(HostdevFrom(hostdev));
  return domain;
}

json ToJsonValue(const NetworkInventory& network) {
  return {{"name", network.name},
          {"uuid", network.uuid},
          {"bridge", network.bridge},
          {"active", network.active},
          {"leases", network.leases}};
}

NetworkInventory NetworkFrom(const json& value) {
  NetworkInventory network;
  value.at("name").get_to(network.name);
  value.at("uuid").get_to(network.uuid);
  value.at("bridge").get_to(network.bridge);
  value.at("active").get_to(network.active);
  value.at("leases").get_to(network.leases);
  return network;
}

json ToJsonValue(const PoolInventory& pool) {
  return {{"name", pool.name},
          {"uuid", pool.uuid},
          {"path", pool.path},
          {"active", pool.active},
          {"volumes", pool.volumes}};
}

PoolInventory PoolFrom(const json& value) {
  PoolInventory pool;
  value.at("name").get_to(pool.name);
  value.at("uuid").get_to(pool.uuid);
  value.at("path").get_to(pool.path);
  value.at("active").get_to(pool.active);
  value.at("volumes").get_to(pool.volumes);
  return pool;
}

template <typename Item>
json ListToJson(const std::vector<Item>& items) {
  json list = json::array();
  for (const Item& item : items) list.push_back(ToJsonValue(item));
  return list;
}

template <typename Item>
std::vector<Item> ListFrom(const json& list, Item (*read)(const json&)) {
  std::vector<Item> items;
  for (const json& value : list) items.push_back(read(value));
  return items;
}

}  // namespace

std::string ToJson(const Inventory& inventory) {
  const json value = {{"hypervisor", inventory.hypervisor},
                      {"hostname", inventory.hostname},
                      {"domains", ListToJson(inventory.domains)},
                      {"networks", ListToJson(inventory.networks)},
                      {"pools", ListToJson(inventory.pools)},
                      {"interfaces", inventory.interfaces},
                      {"pci_devices", ListToJson(inventory.pci_devices)}};
  // Names come from other machines: bytes that are no UTF-8 must not stop the run.
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Inventory InventoryFromJson(std::string_view text) {
  try {
    const json value = json::parse(text);
    Inventory inventory;
    value.at("hypervisor").get_to(inventory.hypervisor);
    value.at("hostname").get_to(inventory.hostname);
    value.at("interfaces").get_to(inventory.interfaces);
    inventory.domains = ListFrom(value.at("domains"), &DomainFrom);
    inventory.networks = ListFrom(value.at("networks"), &NetworkFrom);
    inventory.pools = ListFrom(value.at("pools"), &PoolFrom);
    inventory.pci_devices = ListFrom(value.at("pci_devices"), &PciDeviceFrom);
    return inventory;
  } catch (const json::exception& error) {
    throw EvidenceError(fmt::format("cannot read the host's inventory: {}", error.what()));
  }
}

}  // namespace passthrough
