// A network of the test's own, with nothing in it but a loopback: any address may be had and used there.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

// Puts this process into a new network namespace, for good, with its loopback up and `addresses` (IPv6) on it beside
// ::1. For root that is all; for others it is in a user namespace, too, in which they are who they were: the process
// must have one thread only then. When it returns, the addresses can be bound to. Returns why it cannot be done, where
// this kernel or container forbids it; empty: it is done. Throws Error for what is no IPv6 address.
std::string EnterOwnNetwork(const std::vector<std::string>& addresses);

}  // namespace passthrough
