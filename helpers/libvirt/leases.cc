#include "helpers/libvirt/leases.h"

namespace passthrough {

const DhcpLease* NewestLease(const std::vector<DhcpLease>& leases, std::string_view mac) {
  const DhcpLease* newest = nullptr;
  for (const DhcpLease& lease : leases) {
    if (lease.mac != mac) continue;
    const bool both_end = newest != nullptr && newest->expiry != 0 && lease.expiry != 0;
    if (both_end && lease.expiry < newest->expiry) continue;
    newest = &lease;
  }
  return newest;
}

}  // namespace passthrough
