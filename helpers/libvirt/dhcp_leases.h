// Which of a network's DHCP leases counts for an interface.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "helpers/libvirt/connection.h"

namespace passthrough {

bool IsIpv6Address(const std::string& text);

// The lease of `mac` that was given last; nullptr where there is none. One MAC can have several: a
// domain that was made anew has another client id, and dnsmasq gives it another address while the
// old lease lasts. `leases` is in libvirt's order, in which a renewed lease comes last; where both
// of two leases end, the one that ends later is the newer. IPv4, which clusters are made of, before IPv6.
const DhcpLease* NewestLease(const std::vector<DhcpLease>& leases, std::string_view mac);

}  // namespace passthrough
