#include "helpers/libvirt/dhcp_leases.h"

#include <arpa/inet.h>

namespace passthrough {

bool IsIpv6Address(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1 && text.find('\0') == std::string::npos;
}

const DhcpLease* NewestLease(const std::vector<DhcpLease>& leases, std::string_view mac) {
  const DhcpLease* newest = nullptr;
  for (const DhcpLease& lease : leases) {
    if (lease.mac != mac) continue;
    if (newest != nullptr && IsIpv6Address(lease.ip) != IsIpv6Address(newest->ip)) {
      if (IsIpv6Address(newest->ip)) newest = &lease;
      continue;
    }
    const bool both_end = newest != nullptr && newest->expiry != 0 && lease.expiry != 0;
    if (both_end && lease.expiry < newest->expiry) continue;
    newest = &lease;
  }
  return newest;
}

}  // namespace passthrough
