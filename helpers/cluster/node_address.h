// Which of the addresses that a hypervisor knows of a domain is to be believed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

// Where to reach a node of a cluster on `subnet`: the first of `addresses` in it. Outside of it a DHCP lease
// alone will do, for the hypervisor's own server gave it; ARP entries and guest agents have the guest's word,
// which could name any machine. A lease may be IPv6. nullopt: none will do.
std::optional<LibvirtConnection::Address> ChooseAddress(const std::optional<Ipv4Subnet>& subnet,
                                                        const std::vector<LibvirtConnection::Address>& addresses);

// Where a node of a cluster on `subnet` is that had `address`, by what its domain has now: nullopt where that is
// still among them or ChooseAddress would take none. A node that gets its address by DHCP may come back from a
// reboot with another one.
std::optional<std::string> MovedTo(const std::string& address, const std::optional<Ipv4Subnet>& subnet,
                                   const std::vector<LibvirtConnection::Address>& now);

}  // namespace passthrough
