// What a host has in libvirt, at one moment, as plain values: made by LibvirtConnection, kept as
// evidence (JSON), compared before and after a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"

namespace passthrough {

// One host PCI function as libvirt's node device XML describes it.
struct HostPciDevice {
  PciAddress address;
  uint32_t class_code = 0;  // 24 bits: 0x030000
  uint16_t vendor_id = 0;
  uint16_t device_id = 0;
  std::string driver;  // empty: no driver is bound
  std::optional<int> iommu_group;
  std::vector<PciAddress> iommu_group_members;  // includes itself
  std::optional<PciAddress> parent;             // the bridge above; absent on a root bus
  // Of its PCIe Link Capabilities: lanes, and GT/s a lane; absent where it has no link.
  std::optional<int> max_link_width;
  std::optional<double> max_link_speed;
  // A virtual function (SR-IOV) has one that it belongs to.
  std::optional<PciAddress> physical_function;
  bool operator==(const HostPciDevice&) const = default;
};

// One host PCI function that a domain's XML claims: <hostdev type='pci'>, <interface
// type='hostdev'> or <disk type='nvme'>.
struct DomainHostdev {
  PciAddress host_address;
  std::optional<PciAddress> guest_address;
  std::string alias;  // empty where the XML has none
  bool managed = false;
  bool operator==(const DomainHostdev&) const = default;
};

struct DomainInventory {
  std::string name;
  std::string uuid;
  std::string state;  // "running", "shut off", "paused", "crashed", …
  bool persistent = true;
  std::vector<DomainHostdev> hostdevs;  // of the live XML where it runs
  std::vector<std::string> mac_addresses;
  // Of each of them the libvirt network that it is on; empty: on none. As many, or none where that is not known.
  std::vector<std::string> networks = {};
  // Of one that runs and is persistent: the hostdevs that it starts with the next time. nullopt: not known, or the
  // same.
  std::optional<std::vector<DomainHostdev>> defined_hostdevs = {};
  bool operator==(const DomainInventory&) const = default;
};

struct NetworkInventory {
  std::string name;
  std::string uuid;
  std::string bridge;
  bool active = false;
  std::vector<std::string> leases;  // "MAC IP hostname"
  bool operator==(const NetworkInventory&) const = default;
};

struct PoolInventory {
  std::string name;
  std::string uuid;
  std::string path;  // target path; empty where the pool has none
  bool active = false;
  std::vector<std::string> volumes;  // names; only of active pools
  bool operator==(const PoolInventory&) const = default;
};

// Names are unique within each list; lists are sorted by name or address.
struct Inventory {
  std::string hypervisor;  // "QEMU 7.2.22, libvirt 9.0.0"
  std::string hostname;
  std::vector<DomainInventory> domains;
  std::vector<NetworkInventory> networks;
  std::vector<PoolInventory> pools;
  // Network interfaces of the host: its cards, bridges and taps. In the names of taps, what is no
  // letter or digit reads '_'.
  std::vector<std::string> interfaces;
  // Whether bridges are among them: libvirt lists them through its interface driver, which is a package of its own in
  // Debian 13.
  bool lists_bridges = true;
  std::vector<HostPciDevice> pci_devices;
  bool operator==(const Inventory&) const = default;

  const DomainInventory* FindDomain(std::string_view name) const;
  const NetworkInventory* FindNetwork(std::string_view name) const;
  const PoolInventory* FindPool(std::string_view name) const;
  const HostPciDevice* FindPciDevice(const PciAddress& address) const;
};

std::string ToJson(const Inventory& inventory);
// Throws EvidenceError.
Inventory InventoryFromJson(std::string_view json);

// What differs, one sentence each, each naming the object: "domain test-x-compute-01 remains
// (running): it was not there before", "0000:01:00.0 is bound to vfio-pci, was bound to bochs-drm".
// Lists what is new, what is gone and what changed, a domain's state included. DHCP leases that
// ended do not count: they end by themselves.
std::vector<std::string> DescribeDifferences(const Inventory& before, const Inventory& after);

}  // namespace passthrough
