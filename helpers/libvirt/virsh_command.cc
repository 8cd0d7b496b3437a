#include "helpers/libvirt/virsh_command.h"

#include "helpers/base/shell_command.h"

namespace passthrough {

std::string VirshCommand(const std::string& uri, const std::vector<std::string>& words) {
  std::vector<std::string> command{"virsh", "-c", uri};
  command.insert(command.end(), words.begin(), words.end());
  return ShellCommand(command);
}

std::string VirshToRemoveDomain(const std::string& uri, const std::string& domain) {
  return VirshCommand(uri, {"destroy", domain}) + "; " +
         VirshCommand(uri, {"undefine", domain, "--managed-save", "--snapshots-metadata", "--nvram"});
}

std::string VirshToRemoveNetwork(const std::string& uri, const std::string& network) {
  return VirshCommand(uri, {"net-destroy", network}) + "; " + VirshCommand(uri, {"net-undefine", network});
}

std::string VirshToRemovePool(const std::string& uri, const std::string& pool) {
  return VirshCommand(uri, {"pool-destroy", pool}) + "; " + VirshCommand(uri, {"pool-undefine", pool});
}

}  // namespace passthrough
