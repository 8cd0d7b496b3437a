#include "helpers/run/preflight.h"

#include <fmt/format.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/cluster/ai_how_problems.h"
#include "helpers/cluster/deployer_problems.h"
#include "helpers/cluster/device_problems.h"
#include "helpers/cluster/host_gpu_users.h"
#include "helpers/libvirt/local_uri.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {
std::vector<std::string> SshKeyProblems(const Profile& profile) {
  std::vector<std::string> problems;
  std::set<std::filesystem::path> keys;
  if (!profile.ssh.key.empty()) keys.insert(profile.ssh.key);
  if (profile.jump && !profile.jump->key.empty()) keys.insert(profile.jump->key);
  for (const auto& key : keys) {
    if (auto problem = PrivateKeyProblem(key)) problems.push_back(*std::move(problem));
  }
  return problems;
}

std::vector<std::string> HostProblems(const Plan& plan, const Inventory& inventory, const std::string& libvirt_uri) {
  std::vector<std::string> problems;
  for (const PlannedNode& node : plan.nodes) {
    for (const std::string& name : node.domain_names) {
      if (const DomainInventory* domain = inventory.FindDomain(name)) {
        problems.push_back(fmt::format(
            "domain {} exists already ({}), from an earlier run or somebody else's: look at it as it is with "
            "--attach, or remove it, with the deployer's destroy or with {}",
            name, domain->state, VirshToRemoveDomain(libvirt_uri, name)));
      }
    }
  }
  for (const PlannedCluster& cluster : plan.clusters) {
    if (inventory.FindNetwork(cluster.network_name) != nullptr) {
      problems.push_back(fmt::format("network {} exists already: remove it with {}", cluster.network_name,
                                     VirshToRemoveNetwork(libvirt_uri, cluster.network_name)));
    }
    if (inventory.FindPool(cluster.pool_name) != nullptr) {
      problems.push_back(
          fmt::format("pool {} exists already: move what its directory holds away, and remove the pool with {}",
                      cluster.pool_name, VirshToRemovePool(libvirt_uri, cluster.pool_name)));
    }
  }
  return problems;
}

std::vector<std::string> ProblemsBeforeDeploying(const Plan& plan, const Profile& profile, const Inventory* inventory,
                                                 std::vector<std::string>* notes) {
  std::vector<std::string> problems = SshKeyProblems(profile);
  const auto add = [&](std::vector<std::string> more) { problems.insert(problems.end(), more.begin(), more.end()); };
  add(DeployerProblems(profile));
  add(ImageProblems(plan, profile));
  add(PoolDirectoryProblems(plan, profile));
  if (inventory == nullptr) return problems;
  add(HostProblems(plan, *inventory, profile.libvirt_uri));
  add(PrefixProblems(plan, profile, *inventory));
  add(DeviceProblems(plan, *inventory, profile.emulated_devices, profile.libvirt_uri));
  HostUse use = UseOfPlannedDevices(
      plan, *inventory,
      {.is_this_machine = IsOfThisMachine(profile.libvirt_uri), .sees_all_processes = geteuid() == 0, .root = "/"});
  add(std::move(use.problems));
  notes->insert(notes->end(), use.notes.begin(), use.notes.end());
  return problems;
}

void ThrowProblems(const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  if (problems.size() == 1) throw Error(problems.front());
  throw Error(fmt::format("{} problems:\n- {}", problems.size(), fmt::join(problems, "\n- ")));
}

}  // namespace passthrough
