// Owners of libvirt's handles. No other file of this project calls one of libvirt's free functions.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

namespace passthrough {

// Calls `free_function` on what it owns; the reference count that some of them return is of no use.
template <auto free_function>
struct LibvirtDeleter {
  template <typename Object>
  void operator()(Object* object) const {
    free_function(object);
  }
};

template <typename Object, auto free_function>
using LibvirtHandle = std::unique_ptr<Object, LibvirtDeleter<free_function>>;

using ConnectHandle = LibvirtHandle<virConnect, virConnectClose>;
using DomainHandle = LibvirtHandle<virDomain, virDomainFree>;
using NetworkHandle = LibvirtHandle<virNetwork, virNetworkFree>;
using LeaseHandle = LibvirtHandle<virNetworkDHCPLease, virNetworkDHCPLeaseFree>;
using PoolHandle = LibvirtHandle<virStoragePool, virStoragePoolFree>;
using VolumeHandle = LibvirtHandle<virStorageVol, virStorageVolFree>;
using NodeDeviceHandle = LibvirtHandle<virNodeDevice, virNodeDeviceFree>;
using InterfaceAddressesHandle = LibvirtHandle<virDomainInterface, virDomainInterfaceFree>;
using InterfaceHandle = LibvirtHandle<virInterface, virInterfaceFree>;
using StreamHandle = LibvirtHandle<virStream, virStreamFree>;
using DomainStatsHandle = LibvirtHandle<virDomainStatsRecordPtr, virDomainStatsRecordListFree>;
// What libvirt returns as char* or as an array.
using TextHandle = LibvirtHandle<char, std::free>;

}  // namespace passthrough
