#include "helpers/cluster/node_address.h"

#include <algorithm>

#include "helpers/libvirt/dhcp_leases.h"

namespace passthrough {

std::optional<LibvirtConnection::Address> ChooseAddress(const std::optional<Ipv4Subnet>& subnet,
                                                        const std::vector<LibvirtConnection::Address>& addresses) {
  std::optional<LibvirtConnection::Address> leased;
  for (const LibvirtConnection::Address& candidate : addresses) {
    const auto ipv4 = ParseIpv4(candidate.ip);
    if (ipv4 && subnet && subnet->Contains(*ipv4)) return candidate;
    const bool is_address = ipv4 || IsIpv6Address(candidate.ip);
    if (!leased && is_address && candidate.source == "lease") leased = candidate;
  }
  return leased;
}

std::optional<std::string> MovedTo(const std::string& address, const std::optional<Ipv4Subnet>& subnet,
                                   const std::vector<LibvirtConnection::Address>& now) {
  const auto is_same = [&](const LibvirtConnection::Address& one) { return one.ip == address; };
  if (std::any_of(now.begin(), now.end(), is_same)) return std::nullopt;
  const auto address_now = ChooseAddress(subnet, now);
  return address_now ? std::optional(address_now->ip) : std::nullopt;
}

}  // namespace passthrough
