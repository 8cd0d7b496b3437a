#include "helpers/recovery/teardown_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/config/ai_how_rules.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/teardown_record/record_home.h"

namespace passthrough {
namespace {

constexpr std::string_view kNetworkSuffix = "-network";  // of "CLUSTER-network"

}  // namespace

CommandSequence DestroyCommands(const TeardownRecord& record, const RunDirectory& run) {
  CommandSequence commands = record.destroy;
  try {
    if (record.config.empty() || ReadFile(run.ClusterFile()) == ReadFile(record.config)) return commands;
  } catch (const Error&) {
    if (StatFile(run.ClusterFile()) == FileStatus::kGone) return commands;
  }
  for (auto& argv : commands) {
    for (std::string& word : argv) {
      for (size_t at = word.find(record.config); at != std::string::npos; at = word.find(record.config, at)) {
        word.replace(at, record.config.size(), run.ClusterFile().string());
        at += run.ClusterFile().string().size();
      }
    }
  }
  return commands;
}

std::vector<std::string> ForeignObjectsIn(const TeardownRecord& record, const Inventory& now) {
  std::vector<std::string> foreign;
  for (const auto& [what, uuid] : ObjectsOf(record, now)) {
    const auto made = record.made.find(what);
    if (made == record.made.end() || made->second != uuid) foreign.push_back(what);
  }
  return foreign;
}

std::vector<std::string> OthersThatDestroyTakes(const TeardownRecord& record, const Inventory& now) {
  std::vector<std::string> others;
  if (!RunsAiHow(record.destroy)) return others;
  for (const DomainInventory& domain : now.domains) {
    if (std::find(record.domains.begin(), record.domains.end(), domain.name) != record.domains.end()) continue;
    const bool has_prefix =
        std::any_of(record.networks.begin(), record.networks.end(), [&](const std::string& network) {
          return network.ends_with(kNetworkSuffix) &&
                 domain.name.starts_with(network.substr(0, network.size() - kNetworkSuffix.size() + 1));
        });
    if (has_prefix) others.push_back(domain.name);
  }
  return others;
}

void RemoveObject(LibvirtConnection& libvirt, const std::string& what, const std::string& uuid) {
  if (what.starts_with("domain ")) libvirt.RemoveDomainWithUuid(uuid);
  if (what.starts_with("network ")) libvirt.RemoveNetworkWithUuid(uuid);
  if (what.starts_with("pool ")) libvirt.RemovePoolWithUuid(uuid);
}

std::string WithRemoval(const std::string& what, const std::string& uri) {
  const std::string name = what.substr(what.find(' ') + 1);
  return fmt::format("{} ({})", what,
                     what.starts_with("domain ")    ? VirshToRemoveDomain(uri, name)
                     : what.starts_with("network ") ? VirshToRemoveNetwork(uri, name)
                                                    : VirshToRemovePool(uri, name));
}

}  // namespace passthrough
