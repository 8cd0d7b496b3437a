// Taking the inventory: few round trips, since each costs 0.1 s and more to an emulated host.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>
#include <string_view>

#include "helpers/base/wait.h"
#include "helpers/libvirt/answers.h"
#include "helpers/libvirt/connection_impl.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

// "7.2.22" of libvirt's 7002022.
std::string VersionText(unsigned long version) {
  return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

std::string Hypervisor(virConnectPtr connection) {
  const char* const type = virConnectGetType(connection);
  unsigned long version = 0;
  unsigned long library = 0;
  Require(virConnectGetVersion(connection, &version), "read the hypervisor's version");
  Require(virConnectGetLibVersion(connection, &library), "read libvirt's version");
  return fmt::format("{} {}, libvirt {}", type == nullptr ? "unknown" : type, VersionText(version),
                     VersionText(library));
}

template <typename Item>
void SortByName(std::vector<Item>& items) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.name < b.name; });
}

// The XML of an object that may vanish while it is looked at: empty if it did.
std::string XmlUnlessGone(char* text, int gone, std::string_view what) {
  if (text == nullptr && LastErrorCode() == gone) return {};
  return TakeText(text, what);
}

std::vector<DomainInventory> TakeDomains(LibvirtConnection& self, virConnectPtr connection) {
  std::vector<std::string> transient;
  for (const DomainHandle& domain : ListAll<DomainHandle>("list domains", [&](auto* items) {
         return virConnectListAllDomains(connection, items, VIR_CONNECT_LIST_DOMAINS_TRANSIENT);
       })) {
    transient.emplace_back(virDomainGetName(domain.get()));
  }
  std::vector<DomainInventory> domains;
  for (const DomainStatus& status : self.Domains()) {
    const auto xml = self.DomainXml(status.name);
    if (!xml) continue;
    DomainDescription description = ReadDomainXml(*xml);
    DomainInventory domain;
    domain.name = status.name;
    domain.uuid = status.uuid;
    domain.state = status.state;
    domain.persistent = std::find(transient.begin(), transient.end(), status.name) == transient.end();
    domain.hostdevs = std::move(description.hostdevs);
    for (const DomainInterface& interface : description.interfaces) {
      domain.mac_addresses.push_back(interface.mac);
      domain.networks.push_back(interface.network);
    }
    if (description.id >= 0 && domain.persistent) {
      if (const auto definition = self.DomainDefinition(status.name)) {
        domain.defined_hostdevs = ReadDomainXml(*definition).hostdevs;
      }
    }
    domains.push_back(std::move(domain));
  }
  return domains;
}

void AddNetworks(LibvirtConnection& self, virConnectPtr connection, bool active,
                 std::vector<NetworkInventory>& networks) {
  const unsigned flags = active ? VIR_CONNECT_LIST_NETWORKS_ACTIVE : VIR_CONNECT_LIST_NETWORKS_INACTIVE;
  for (const NetworkHandle& handle : ListAll<NetworkHandle>(
           "list networks", [&](auto* items) { return virConnectListAllNetworks(connection, items, flags); })) {
    NetworkInventory network;
    network.name = virNetworkGetName(handle.get());
    network.active = active;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virNetworkGetUUIDString(handle.get(), uuid);
    network.uuid = uuid;
    const std::string xml = XmlUnlessGone(virNetworkGetXMLDesc(handle.get(), 0), VIR_ERR_NO_NETWORK,
                                          "read the XML of network " + network.name);
    if (xml.empty()) continue;
    network.bridge = ReadNetworkBridge(xml);
    if (active) {
      for (const DhcpLease& lease : self.NetworkLeases(network.name).value_or(std::vector<DhcpLease>())) {
        network.leases.push_back(fmt::format("{} {} {}", lease.mac, lease.ip, lease.hostname));
      }
      std::sort(network.leases.begin(), network.leases.end());
    }
    networks.push_back(std::move(network));
  }
}

std::vector<std::string> SortedVolumeNames(virStoragePoolPtr pool, const std::string& name) {
  std::vector<std::string> names;
  for (const VolumeHandle& volume : ListAll<VolumeHandle>("list the volumes of storage pool " + name, [&](auto* items) {
         return virStoragePoolListAllVolumes(pool, items, 0);
       })) {
    names.emplace_back(virStorageVolGetName(volume.get()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void AddPools(virConnectPtr connection, bool active, std::vector<PoolInventory>& pools) {
  const unsigned flags = active ? VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE : VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE;
  for (const PoolHandle& handle : ListAll<PoolHandle>("list storage pools", [&](auto* items) {
         return virConnectListAllStoragePools(connection, items, flags);
       })) {
    PoolInventory pool;
    pool.name = virStoragePoolGetName(handle.get());
    pool.active = active;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virStoragePoolGetUUIDString(handle.get(), uuid);
    pool.uuid = uuid;
    const std::string xml = XmlUnlessGone(virStoragePoolGetXMLDesc(handle.get(), 0), VIR_ERR_NO_STORAGE_POOL,
                                          "read the XML of storage pool " + pool.name);
    if (xml.empty()) continue;
    const PoolDescription description = ReadPoolXml(xml);
    pool.path = description.path;
    if (active) {
      // Best effort: a pool that cannot be refreshed shows what it showed before. Not for pools on
      // other machines' storage, where a refresh can take minutes.
      if (description.type == "dir") virStoragePoolRefresh(handle.get(), 0);
      pool.volumes = SortedVolumeNames(handle.get(), pool.name);
    }
    pools.push_back(std::move(pool));
  }
}

// "virbr140" of "net_virbr140_52_54_00_12_34_56": the MAC of an interface is no identity, a tap
// gets another one each time.
std::string InterfaceName(std::string_view node_device) {
  constexpr std::string_view kPrefix = "net_";
  constexpr size_t kMacLength = std::string_view("_52_54_00_12_34_56").size();
  if (node_device.starts_with(kPrefix)) node_device.remove_prefix(kPrefix.size());
  if (node_device.size() > kMacLength) node_device.remove_suffix(kMacLength);
  return std::string(node_device);
}

// As node devices write names: what is no letter or digit is '_'.
std::string AsInNodeDevices(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

// libvirt lists bridges as interfaces only, of taps as node devices only.
void TakeInterfaces(virConnectPtr connection, Inventory& inventory) {
  std::set<std::string> interfaces;
  for (const NodeDeviceHandle& device : ListAll<NodeDeviceHandle>("list network interfaces", [&](auto* items) {
         return virConnectListAllNodeDevices(connection, items, VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET);
       })) {
    interfaces.insert(InterfaceName(virNodeDeviceGetName(device.get())));
  }
  virInterfacePtr* items = nullptr;
  // Not every libvirt is built with this; Debian 13 and later have it in a package of its own.
  const int count = virConnectListAllInterfaces(connection, &items, 0);
  inventory.lists_bridges = count >= 0;
  for (int i = 0; i < count; ++i) {
    const InterfaceHandle interface(items[i]);
    const std::string name = virInterfaceGetName(interface.get());
    interfaces.erase(AsInNodeDevices(name));
    interfaces.insert(name);
  }
  std::free(items);
  inventory.interfaces.assign(interfaces.begin(), interfaces.end());
}

std::vector<HostPciDevice> TakePciDevices(virConnectPtr connection) {
  std::vector<HostPciDevice> devices;
  for (const NodeDeviceHandle& handle : ListAll<NodeDeviceHandle>("list PCI devices", [&](auto* items) {
         return virConnectListAllNodeDevices(connection, items, VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV);
       })) {
    const std::string xml = XmlUnlessGone(virNodeDeviceGetXMLDesc(handle.get(), 0), VIR_ERR_NO_NODE_DEVICE,
                                          fmt::format("read node device {}", virNodeDeviceGetName(handle.get())));
    if (!xml.empty()) devices.push_back(ReadNodeDeviceXml(xml));
  }
  std::sort(devices.begin(), devices.end(),
            [](const HostPciDevice& a, const HostPciDevice& b) { return a.address < b.address; });
  return devices;
}

}  // namespace

Inventory LibvirtConnection::TakeInventory(const Deadline& deadline) const {
  return RunWithDeadline(deadline, "libvirt's list of what is on " + uri(),
                         [own = std::make_shared<LibvirtConnection>(Share())] { return own->TakeInventory(); });
}

Inventory LibvirtConnection::TakeInventory(std::chrono::seconds silence) const {
  return RunWhileAnswered(silence, Deadline::Never(), "libvirt's list of what is on " + uri(),
                          [own = std::make_shared<LibvirtConnection>(Share())] { return own->TakeInventory(); });
}

Inventory LibvirtConnection::TakeInventory() {
  virConnectPtr connection = impl_->handle.get();
  Inventory inventory;
  inventory.hypervisor = Hypervisor(connection);
  inventory.hostname = TakeText(virConnectGetHostname(connection), "read the host's name");
  inventory.domains = TakeDomains(*this, connection);
  for (const bool active : {true, false}) {
    AddNetworks(*this, connection, active, inventory.networks);
    AddPools(connection, active, inventory.pools);
  }
  SortByName(inventory.networks);
  SortByName(inventory.pools);
  TakeInterfaces(connection, inventory);
  inventory.pci_devices = TakePciDevices(connection);
  return inventory;
}

}  // namespace passthrough
