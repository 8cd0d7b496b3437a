// Looking at domains, networks, pools and devices one by one or by name.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "helpers/libvirt/answers.h"
#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

// The name by which libvirt knows a host PCI function.
std::string NodeDeviceName(const PciAddress& address) {
  return fmt::format("pci_{:04x}_{:02x}_{:02x}_{:x}", address.domain, address.bus, address.device, address.function);
}

DomainStatus StatusOf(virDomainPtr domain, int state, int reason) {
  return {virDomainGetName(domain), UuidOf(domain), DomainStateText(state), DomainReasonText(state, reason)};
}

int ParameterOf(const virDomainStatsRecord& record, const char* name) {
  int value = 0;
  virTypedParamsGetInt(record.params, record.nparams, name, &value);
  return value;
}

// In one round trip; nullopt where the hypervisor has no such call.
std::optional<std::vector<DomainStatus>> StatesAtOnce(virConnectPtr connection) {
  virDomainStatsRecordPtr* records = nullptr;
  const int count = virConnectGetAllDomainStats(connection, VIR_DOMAIN_STATS_STATE, &records, 0);
  CountAnswer();
  if (count < 0) return std::nullopt;
  const DomainStatsHandle owner(records);
  std::vector<DomainStatus> domains;
  for (int i = 0; i < count; ++i) {
    domains.push_back(
        StatusOf(records[i]->dom, ParameterOf(*records[i], "state.state"), ParameterOf(*records[i], "state.reason")));
  }
  return domains;
}

std::vector<DomainStatus> StatesOneByOne(virConnectPtr connection) {
  std::vector<DomainStatus> domains;
  for (const DomainHandle& domain : ListAll<DomainHandle>(
           "list domains", [&](auto* items) { return virConnectListAllDomains(connection, items, 0); })) {
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain.get(), &state, &reason, 0) < 0) {
      if (LastErrorCode() == VIR_ERR_NO_DOMAIN) continue;  // gone since it was listed
      ThrowLastError(fmt::format("read the state of domain {}", virDomainGetName(domain.get())));
    }
    domains.push_back(StatusOf(domain.get(), state, reason));
  }
  return domains;
}

}  // namespace

std::vector<DomainStatus> LibvirtConnection::Domains() {
  virConnectPtr connection = impl_->handle.get();
  auto at_once = StatesAtOnce(connection);
  std::vector<DomainStatus> domains = at_once ? *std::move(at_once) : StatesOneByOne(connection);
  std::erase_if(domains, [](const DomainStatus& domain) { return domain.name.starts_with(kClaimPrefix); });
  std::sort(domains.begin(), domains.end(),
            [](const DomainStatus& a, const DomainStatus& b) { return a.name < b.name; });
  return domains;
}

std::vector<std::string> LibvirtConnection::DomainNames() {
  std::vector<std::string> names;
  for (const DomainHandle& domain : ListAll<DomainHandle>(
           "list domains", [&](auto* items) { return virConnectListAllDomains(impl_->handle.get(), items, 0); })) {
    names.emplace_back(virDomainGetName(domain.get()));
  }
  std::erase_if(names, [](const std::string& name) { return name.starts_with(kClaimPrefix); });
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> LibvirtConnection::DomainUuid(const std::string& domain) {
  const DomainHandle handle = impl_->FindDomain(domain);
  if (!handle) return std::nullopt;
  return UuidOf(handle.get());
}

std::optional<std::string> LibvirtConnection::NetworkUuid(const std::string& network) {
  const NetworkHandle handle = impl_->FindNetwork(network);
  if (!handle) return std::nullopt;
  char uuid[VIR_UUID_STRING_BUFLEN] = "";
  Require(virNetworkGetUUIDString(handle.get(), uuid), "read a network's UUID");
  return uuid;
}

std::optional<std::string> LibvirtConnection::PoolUuid(const std::string& pool) {
  const PoolHandle handle = impl_->FindPool(pool);
  if (!handle) return std::nullopt;
  char uuid[VIR_UUID_STRING_BUFLEN] = "";
  Require(virStoragePoolGetUUIDString(handle.get(), uuid), "read a storage pool's UUID");
  return uuid;
}

std::vector<std::string> LibvirtConnection::NetworkNames() {
  std::vector<std::string> names;
  for (const NetworkHandle& network : ListAll<NetworkHandle>(
           "list networks", [&](auto* items) { return virConnectListAllNetworks(impl_->handle.get(), items, 0); })) {
    names.emplace_back(virNetworkGetName(network.get()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> LibvirtConnection::PoolNames() {
  std::vector<std::string> names;
  for (const PoolHandle& pool : ListAll<PoolHandle>("list storage pools", [&](auto* items) {
         return virConnectListAllStoragePools(impl_->handle.get(), items, 0);
       })) {
    names.emplace_back(virStoragePoolGetName(pool.get()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::vector<std::string>> LibvirtConnection::VolumeNames(const std::string& pool) {
  const PoolHandle handle = impl_->FindPool(pool);
  if (!handle || virStoragePoolIsActive(handle.get()) != 1) return std::nullopt;
  Require(virStoragePoolRefresh(handle.get(), 0), "refresh storage pool " + pool);
  std::vector<std::string> names;
  for (const VolumeHandle& volume : ListAll<VolumeHandle>("list the volumes of storage pool " + pool, [&](auto* items) {
         return virStoragePoolListAllVolumes(handle.get(), items, 0);
       })) {
    names.emplace_back(virStorageVolGetName(volume.get()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> LibvirtConnection::DomainXml(const std::string& domain) {
  const DomainHandle handle = impl_->FindDomain(domain);
  if (!handle) return std::nullopt;
  return TakeText(virDomainGetXMLDesc(handle.get(), 0), "read the XML of domain " + domain);
}

std::optional<std::string> LibvirtConnection::DomainDefinition(const std::string& domain) {
  const DomainHandle handle = impl_->FindDomain(domain);
  // Of a transient one libvirt prints what runs, also where its definition is asked for.
  if (!handle || virDomainIsPersistent(handle.get()) != 1) return std::nullopt;
  return TakeText(virDomainGetXMLDesc(handle.get(), VIR_DOMAIN_XML_INACTIVE),
                  "read the definition of domain " + domain);
}

std::optional<std::string> LibvirtConnection::DomainState(const std::string& domain) {
  const DomainHandle handle = impl_->FindDomain(domain);
  if (!handle) return std::nullopt;
  int state = 0;
  Require(virDomainGetState(handle.get(), &state, nullptr, 0), "read the state of domain " + domain);
  return DomainStateText(state);
}

std::optional<std::string> LibvirtConnection::NodeDeviceXml(const PciAddress& address) {
  const std::string what = "read the node device of " + address.ToString();
  const NodeDeviceHandle device(virNodeDeviceLookupByName(impl_->handle.get(), NodeDeviceName(address).c_str()));
  if (!device && LastErrorCode() == VIR_ERR_NO_NODE_DEVICE) return std::nullopt;
  if (!device) ThrowLastError(what);
  return TakeText(virNodeDeviceGetXMLDesc(device.get(), 0), what);
}

uint64_t LibvirtConnection::VolumeCapacity(const std::string& pool, const std::string& volume) {
  virStorageVolInfo info{};
  Require(virStorageVolGetInfo(impl_->Volume(pool, volume).get(), &info),
          fmt::format("read the size of volume {} of storage pool {}", volume, pool));
  return info.capacity;
}

std::string LibvirtConnection::VolumePath(const std::string& pool, const std::string& volume) {
  return TakeText(virStorageVolGetPath(impl_->Volume(pool, volume).get()),
                  fmt::format("read the path of volume {} of storage pool {}", volume, pool));
}

}  // namespace passthrough
