// What the probe "network" printed: network cards as the node's kernel has them, from sysfs, and from ethtool where the
// node has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"

namespace passthrough {

// A PCI function that is a network controller: class 02, or 0c06 of old InfiniBand cards.
struct NetworkFunction {
  PciAddress address;
  std::string driver;  // "none"
  int interfaces = 0;
  int infiniband_ports = 0;
  int line = 0;
};

// Error counters and the like by the kernel's name; what is 0 is not there.
struct PortCounters {
  int line = 0;
  std::map<std::string, uint64_t> values;

  uint64_t Of(std::string_view name) const;
};

// A network interface (Documentation/ABI/testing/sysfs-class-net).
struct NetworkInterface {
  std::string name;  // "eth1"
  PciAddress address;
  int line = 0;
  unsigned link_type = 1;  // ARPHRD_*, include/uapi/linux/if_arp.h: 1 Ethernet, 32 InfiniBand
  bool up = false;         // IFF_UP: somebody switched it on; the kernel knows nothing of the link of others
  std::string mac;
  int mac_line = 0;
  std::optional<int> mac_kind;  // NET_ADDR_*: 0 the card's own, 1 random, 2 taken from another, 3 set
  // Of a virtual function or a part that a card's switch shows here, "pf0vf1": it has no plug.
  bool represents_another = false;
  std::string operstate;  // RFC 2863: "up", "down", "lowerlayerdown", "dormant", "notpresent", "unknown"
  int operstate_line = 0;
  std::optional<bool> carrier;  // nullopt: not known
  int carrier_line = 0;
  std::optional<int> speed;  // Mb/s; nullopt: not known, as of virtio
  int speed_line = 0;
  std::string duplex;  // "full", "half", "unknown"
  std::optional<int> mtu;
  uint64_t carrier_changes = 0;  // since the driver made the interface
  int carrier_changes_line = 0;
  std::optional<int> supported_speed;  // Mb/s, the port's fastest mode
  std::optional<int> partner_speed;    // the fastest that the other end offers
  std::string firmware;
  PortCounters counters;
};

// A port of an RDMA device (Documentation/ABI/stable/sysfs-class-infiniband).
struct InfinibandPort {
  std::string device;  // "mlx5_0"
  int number = 0;
  PciAddress address;
  int line = 0;
  std::string link_layer;  // "InfiniBand", "Ethernet" (RoCE)
  int state = 0;           // IB_PORT_*, include/rdma/ib_verbs.h: 1 DOWN, 2 INIT, 3 ARMED, 4 ACTIVE
  std::string state_name;  // "ACTIVE"
  int state_line = 0;
  std::string phys_state;  // "5: LinkUp"; empty: not known
  std::string rate;        // "100 Gb/sec (4X EDR)"
  int rate_line = 0;
  std::optional<int> lanes;  // of `rate`: 4
  std::optional<uint64_t> lid;
  int lid_line = 0;
  std::string firmware;
  std::string netdev;       // of RoCE: its interface
  std::optional<int> gids;  // that are set, of the first 16
  PortCounters counters;

  bool IsActive() const { return state == 4; }
  bool IsEthernet() const { return link_layer == "Ethernet"; }
};

struct NetworkEvidence : EvidenceFile {
  static constexpr char kProbe[] = "network";

  std::vector<NetworkFunction> functions;
  std::vector<NetworkInterface> interfaces;
  std::vector<InfinibandPort> infiniband_ports;
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static NetworkEvidence Parse(std::string_view text, const std::filesystem::path& path);
  const NetworkFunction* FindFunction(const PciAddress& address) const;  // nullptr: it is not there
  const NetworkInterface* FindInterface(std::string_view name) const;    // the same
  std::vector<const NetworkInterface*> InterfacesOf(const PciAddress& address) const;
  std::vector<const InfinibandPort*> InfinibandPortsOf(const PciAddress& address) const;
};

}  // namespace passthrough
