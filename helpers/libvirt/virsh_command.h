// virsh commands that messages advise. Each names the libvirt that is meant: without -c, virsh acts on this
// machine (as another user than root on that user's own session), where other VMs may have the same names.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

// "virsh -c qemu:///system start x-compute-01", to be pasted into a shell. `uri`: as LibvirtConnection::Open takes
// it; also that of a lab.
std::string VirshCommand(const std::string& uri, const std::vector<std::string>& words);

// What stops and removes one, two commands for one line. The first fails where it does not run, the second is run
// all the same.
std::string VirshToRemoveDomain(const std::string& uri, const std::string& domain);
std::string VirshToRemoveNetwork(const std::string& uri, const std::string& network);
std::string VirshToRemovePool(const std::string& uri, const std::string& pool);

}  // namespace passthrough
