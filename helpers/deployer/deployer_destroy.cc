// Removing a cluster, and checking that it is gone.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <vector>

#include "helpers/base/object_uuid.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/deployer/deployer.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

bool Contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

// One call of DestroyCluster. A step that fails does not keep the others from being tried.
class Destruction {
 public:
  Destruction(const Plan& plan, const std::string& run, LibvirtConnection& connection, const DeployLog& log)
      : plan_(plan), run_(run), connection_(connection), log_(log) {}

  void Run() {
    RefuseWhatAnotherDeployerMade();
    for (const PlannedNode& node : plan_.nodes) RemoveDomain(node.domain_names.front());
    for (const PlannedCluster& cluster : plan_.clusters) {
      RemovePool(cluster);
      RemoveNetwork(cluster);
    }
    const std::vector<std::string> remaining = Remaining();
    if (remaining.empty() && problems_.empty()) {
      Say(removed_ == 0 ? "there was nothing to remove" : "everything is gone");
      return;
    }
    std::string text = fmt::format("the cluster is not wholly gone from {}; {}", connection_.uri(),
                                   remaining.empty() ? "" : "what remains: " + JoinForHumans(remaining));
    for (const std::string& problem : problems_) text += "\n  " + problem;
    throw Error(text);
  }

 private:
  // A domain in another's spelling of the name would be left running, its network and disks taken from under it.
  void RefuseWhatAnotherDeployerMade() const {
    std::vector<std::string> others;
    for (const PlannedNode& node : plan_.nodes) {
      const auto& names = node.domain_names;
      if (Contains(domains_, names.front())) continue;
      for (size_t i = 1; i < names.size(); ++i) {
        if (Contains(domains_, names[i])) others.push_back("domain " + names[i]);
      }
    }
    if (others.empty()) return;
    throw Error(fmt::format(
        "nothing was removed: another deployer made {} on {}. Destroy the cluster with that one (ai-how: uv run ai-how "
        "destroy {} --force). To look: {}",
        JoinForHumans(others), connection_.uri(), ShellWord(plan_.config_path),
        VirshCommand(connection_.uri(), {"list", "--all"})));
  }

  // Runs `step`, keeping what it says for the end.
  template <typename Step>
  void Try(const std::string& done, Step step) {
    try {
      step();
      ++removed_;
      Say(done);
    } catch (const Error& error) {
      problems_.emplace_back(error.what());
      Say(error.what());
    }
  }

  // Whether what is there under this name is what the run made; of no run in particular, all is.
  bool IsOfTheRun(const std::string& object, const std::optional<std::string>& uuid) const {
    return run_.empty() || uuid == ObjectUuid(run_, object);
  }

  // The same, and says so where it is not.
  bool MayRemove(const std::string& object, const std::optional<std::string>& uuid) const {
    if (IsOfTheRun(object, uuid)) return true;
    Say(fmt::format("{} was not created by this run and was left alone", object));
    return false;
  }

  void RemoveDomain(const std::string& domain) {
    if (!Contains(domains_, domain)) return;
    if (!MayRemove("domain " + domain, connection_.DomainUuid(domain))) return;
    Try(fmt::format("domain {} removed", domain), [&] {
      connection_.DestroyDomain(domain);
      connection_.UndefineDomain(domain);
    });
  }

  void RemovePool(const PlannedCluster& cluster) {
    if (!Contains(pools_, cluster.pool_name)) return;
    if (!MayRemove("pool " + cluster.pool_name, connection_.PoolUuid(cluster.pool_name))) return;
    Try(fmt::format("storage pool {} removed", cluster.pool_name),
        [&] { connection_.RemovePool(cluster.pool_name, true); });
  }

  void RemoveNetwork(const PlannedCluster& cluster) {
    if (!Contains(networks_, cluster.network_name)) return;
    if (!MayRemove("network " + cluster.network_name, connection_.NetworkUuid(cluster.network_name))) return;
    Try(fmt::format("network {} removed", cluster.network_name),
        [&] { connection_.RemoveNetwork(cluster.network_name); });
  }

  void Say(const std::string& text) const {
    if (log_) log_(text);
  }

  std::vector<std::string> Remaining() {
    std::vector<std::string> remaining;
    const auto add = [&](const std::string& object, const std::optional<std::string>& uuid) {
      if (uuid && IsOfTheRun(object, uuid)) remaining.push_back(object);
    };
    for (const PlannedNode& node : plan_.nodes) {
      const std::string& domain = node.domain_names.front();
      add("domain " + domain, connection_.DomainUuid(domain));
    }
    for (const PlannedCluster& cluster : plan_.clusters) {
      add("network " + cluster.network_name, connection_.NetworkUuid(cluster.network_name));
      add("pool " + cluster.pool_name, connection_.PoolUuid(cluster.pool_name));
    }
    return remaining;
  }

  const Plan& plan_;
  const std::string& run_;
  LibvirtConnection& connection_;
  const DeployLog& log_;
  const std::vector<std::string> domains_ = connection_.DomainNames();
  const std::vector<std::string> networks_ = connection_.NetworkNames();
  const std::vector<std::string> pools_ = connection_.PoolNames();
  int removed_ = 0;
  std::vector<std::string> problems_;
};

void Confirm(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedCluster& cluster : plan.clusters) names.push_back(cluster.name);
  std::cout << fmt::format("Destroy cluster {}? [y/N] ", JoinForHumans(names)) << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return;
  throw Error("not destroyed: the answer was not yes. Use --force to be asked nothing");
}

}  // namespace

std::string DestroyCommand(const Plan& plan, const DeploySettings& settings) {
  std::vector<std::string> arguments{"destroy", "--force"};
  if (!settings.run.empty()) arguments.insert(arguments.end(), {"--run", settings.run});
  arguments.insert(arguments.end(), settings.target_options.begin(), settings.target_options.end());
  arguments.push_back(plan.config_path);
  return LabCommand(arguments);
}

void DestroyCluster(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection,
                    const DeployLog& log, bool force) {
  if (!force) Confirm(plan);
  Destruction(plan, settings.run, connection, log).Run();
}

}  // namespace passthrough
