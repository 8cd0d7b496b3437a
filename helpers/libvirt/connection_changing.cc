// Making and removing domains and networks, and changing a domain's devices.
#include <fmt/format.h>

#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

// The running domain alone, or its definition alone.
unsigned DeviceFlags(bool live) { return live ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG; }

// Undefining takes all that belongs to the domain with it, or fails where it does not know how.
// Drivers that know fewer kinds of belongings refuse the flags of the others.
int Undefine(virDomainPtr domain) {
  constexpr unsigned kOld = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
  constexpr unsigned kAll = kOld | VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
  for (const unsigned flags : {kAll, kOld}) {
    if (virDomainUndefineFlags(domain, flags) == 0) return 0;
    if (LastErrorCode() != VIR_ERR_INVALID_ARG && LastErrorCode() != VIR_ERR_NO_SUPPORT) return -1;
  }
  return virDomainUndefine(domain);
}

// The three below do nothing with a null handle: it is gone already.

void Stop(const DomainHandle& handle, const std::string& domain) {
  if (!handle || virDomainDestroy(handle.get()) == 0) return;
  // Off already, or gone in the meantime.
  if (LastErrorCode() == VIR_ERR_OPERATION_INVALID || LastErrorCode() == VIR_ERR_NO_DOMAIN) return;
  ThrowLastError("stop domain " + domain);
}

void Forget(const DomainHandle& handle, const std::string& domain) {
  if (!handle || Undefine(handle.get()) == 0 || LastErrorCode() == VIR_ERR_NO_DOMAIN) return;
  ThrowLastError("undefine domain " + domain);
}

void Remove(const NetworkHandle& handle, const std::string& network) {
  if (!handle) return;
  if (virNetworkIsActive(handle.get()) == 1) Require(virNetworkDestroy(handle.get()), "stop network " + network);
  if (virNetworkUndefine(handle.get()) == 0 || LastErrorCode() == VIR_ERR_NO_NETWORK) return;
  ThrowLastError("undefine network " + network);
}

}  // namespace

void LibvirtConnection::DefineDomain(const std::string& xml) {
  const DomainHandle domain(virDomainDefineXML(impl_->handle.get(), xml.c_str()));
  if (!domain) ThrowLastError("define a domain");
}

void LibvirtConnection::StartDomain(const std::string& domain) {
  Require(virDomainCreate(impl_->Domain(domain).get()), "start domain " + domain);
}

void LibvirtConnection::DestroyDomain(const std::string& domain) { Stop(impl_->FindDomain(domain), domain); }

void LibvirtConnection::UndefineDomain(const std::string& domain) { Forget(impl_->FindDomain(domain), domain); }

void LibvirtConnection::RemoveDomainWithUuid(const std::string& uuid) {
  const DomainHandle handle(virDomainLookupByUUIDString(impl_->handle.get(), uuid.c_str()));
  if (!handle && LastErrorCode() != VIR_ERR_NO_DOMAIN) ThrowLastError("look up the domain with UUID " + uuid);
  Stop(handle, uuid);
  Forget(handle, uuid);
}

void LibvirtConnection::DefineNetwork(const std::string& xml) {
  const NetworkHandle network(virNetworkDefineXML(impl_->handle.get(), xml.c_str()));
  if (!network) ThrowLastError("define a network");
}

void LibvirtConnection::StartNetwork(const std::string& network) {
  Require(virNetworkCreate(impl_->Network(network).get()), "start network " + network);
}

void LibvirtConnection::RemoveNetwork(const std::string& network) { Remove(impl_->FindNetwork(network), network); }

void LibvirtConnection::RemoveNetworkWithUuid(const std::string& uuid) {
  const NetworkHandle handle(virNetworkLookupByUUIDString(impl_->handle.get(), uuid.c_str()));
  if (!handle && LastErrorCode() != VIR_ERR_NO_NETWORK) ThrowLastError("look up the network with UUID " + uuid);
  Remove(handle, uuid);
}

void LibvirtConnection::DetachDevice(const std::string& domain, const std::string& device_xml, bool live) {
  Require(virDomainDetachDeviceFlags(impl_->Domain(domain).get(), device_xml.c_str(), DeviceFlags(live)),
          "detach a device from domain " + domain);
}

void LibvirtConnection::AttachDevice(const std::string& domain, const std::string& device_xml, bool live) {
  Require(virDomainAttachDeviceFlags(impl_->Domain(domain).get(), device_xml.c_str(), DeviceFlags(live)),
          "attach a device to domain " + domain);
}

}  // namespace passthrough
