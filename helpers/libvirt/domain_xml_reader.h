// What the suite needs of libvirt's XML. Pure functions: text in, values out. Each throws
// LibvirtError for XML that is malformed or lacks what libvirt always writes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/inventory/inventory.h"

namespace passthrough {

// One <interface> of a domain.
struct DomainInterface {
  std::string mac;      // lower case
  std::string network;  // the libvirt network it is on; empty: none (a bridge, user mode, …)
};

struct DomainDescription {
  std::string name;
  std::string uuid;
  // Another one each time that it is started, until the host is; -1: it does not run. libvirt, "Domain XML format".
  int id = -1;
  std::vector<DomainHostdev> hostdevs;  // in the XML's order
  std::vector<DomainInterface> interfaces;
  // Where the hypervisor writes what the first serial console prints; empty: nowhere.
  std::string console_log;
  // A guest agent's channel exists, and somebody in the guest has opened it.
  bool agent_connected = false;
};

DomainDescription ReadDomainXml(std::string_view xml);

// The <hostdev> element of the host's PCI function `host_address` as the XML has it, with its address in the
// guest and its alias: what detaches the device, and attaches it again at the same place. nullopt: there is none.
std::optional<std::string> HostdevXml(std::string_view domain_xml, const PciAddress& host_address);

// A PCI function's node device.
HostPciDevice ReadNodeDeviceXml(std::string_view xml);

struct PoolDescription {
  std::string type;  // "dir", "logical", …
  std::string path;  // empty where the pool has no target path
};

PoolDescription ReadPoolXml(std::string_view xml);

// "virbr140"; empty where the network has no bridge.
std::string ReadNetworkBridge(std::string_view xml);

}  // namespace passthrough
