#include "helpers/cluster/ai_how_problems.h"

#include <fmt/format.h>

#include "helpers/config/ai_how_rules.h"
#include "helpers/libvirt/local_uri.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

bool IsPlanned(const Plan& plan, const std::string& domain) {
  for (const PlannedNode& node : plan.nodes) {
    for (const std::string& name : node.domain_names) {
      if (name == domain) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> PrefixProblems(const Plan& plan, const Profile& profile, const Inventory& inventory) {
  std::vector<std::string> problems;
  if (!RunsAiHow(profile.deployer.destroy)) return problems;
  for (const PlannedCluster& cluster : plan.clusters) {
    const std::string prefix = cluster.name + "-";
    for (const DomainInventory& domain : inventory.domains) {
      if (!domain.name.starts_with(prefix) || IsPlanned(plan, domain.name)) continue;
      problems.push_back(fmt::format(
          "domain {} exists ({}), and its name begins with \"{}\": ai-how's destroy of cluster {} would take it for "
          "its "
          "own and remove it. Give the cluster another name in {}, or remove the domain where it is not needed: {}",
          domain.name, domain.state, prefix, cluster.name, plan.config_path,
          VirshToRemoveDomain(profile.libvirt_uri, domain.name)));
    }
  }
  return problems;
}

std::vector<std::string> PoolDirectoryProblems(const Plan& plan, const Profile& profile,
                                               const std::filesystem::path& pool_root) {
  std::vector<std::string> problems;
  if (!RunsAiHow(profile.deployer.create) || !IsOfThisMachine(profile.libvirt_uri)) return problems;
  for (const PlannedCluster& cluster : plan.clusters) {
    const std::filesystem::path directory = pool_root / cluster.name;
    std::error_code unreadable;
    if (std::filesystem::is_empty(directory, unreadable) || unreadable) continue;
    problems.push_back(fmt::format(
        "{}, where ai-how makes the pool of cluster {}, holds files already: they would look like the cluster's, and "
        "go with it. Move them away, or remove them where they are not needed",
        directory.string(), cluster.name));
  }
  return problems;
}

std::vector<std::string> NotesBefore(const Plan& plan, const Profile& profile, bool deploys) {
  std::vector<std::string> notes = plan.notes;
  if (!deploys || !RunsAiHow(profile.deployer.create)) return notes;
  for (const std::string& refused : plan.ai_how_refuses) {
    notes.push_back(fmt::format("ai-how, the deployer, will not take the cluster file: {}", refused));
  }
  return notes;
}

}  // namespace passthrough
