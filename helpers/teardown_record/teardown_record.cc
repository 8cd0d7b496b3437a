#include "helpers/teardown_record/teardown_record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/json_fields.h"
#include "helpers/base/object_uuid.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DetachedGpu, domain, uuid, domain_id, defined, gpu, hostdev, file, left,
                                                companion)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TeardownRecord, run, host_id, config, libvirt_uri, domains, networks, pools, made,
                                   claim_name, claim_uuid, claimed, devices, destroy, working_directory, deployed,
                                   create_ended, created, host_status, host_down, destroy_seconds, owner, command, kept,
                                   attached, unplugged)

TeardownRecord MakeTeardownRecord(const Plan& plan, const Profile& profile, const std::filesystem::path& run) {
  TeardownRecord record;
  record.run = run.string();
  record.host_id = profile.host ? std::filesystem::absolute(profile.host->facts).string() : profile.libvirt_uri;
  record.config = plan.config_path;
  record.libvirt_uri = profile.libvirt_uri;
  for (const PlannedNode& node : plan.nodes) {
    record.domains.insert(record.domains.end(), node.domain_names.begin(), node.domain_names.end());
  }
  for (const PlannedCluster& cluster : plan.clusters) {
    record.networks.push_back(cluster.network_name);
    record.pools.push_back(cluster.pool_name);
  }
  const auto word = profile.placeholders.find("run");
  const std::string unique = word == profile.placeholders.end() ? record.run : word->second;
  std::vector<std::string> clusters;
  for (const PlannedCluster& cluster : plan.clusters) clusters.push_back(cluster.name);
  record.claim_name = fmt::format("{}{}", kClaimPrefix, fmt::join(clusters, "+"));
  record.claim_uuid = ObjectUuid(unique, "claim");
  for (const PlannedNode& node : plan.nodes) {
    for (const PlannedDevice& device : node.devices) record.devices.push_back(device.host_address.ToString());
  }
  if (profile.deployer.uuids_from_run) {
    const auto add = [&](const char* kind, const std::vector<std::string>& names) {
      for (const std::string& name : names) {
        const std::string what = fmt::format("{} {}", kind, name);
        record.made[what] = ObjectUuid(unique, what);
      }
    };
    add("domain", record.domains);
    add("network", record.networks);
    add("pool", record.pools);
  }
  record.destroy = profile.deployer.destroy;
  // Whoever tears down may have been started elsewhere.
  std::error_code unknown;
  record.working_directory = std::filesystem::absolute(profile.deployer.working_directory, unknown).string();
  if (profile.deployer.working_directory.empty()) {
    record.working_directory = std::filesystem::current_path(unknown).string();
  }
  if (profile.host) record.host_status = profile.host->status;
  record.destroy_seconds = static_cast<int>(DestroyLimit(profile.time_limits, plan.nodes.size()).count());
  return record;
}

TeardownRecord MakeAttachedRecord(const Plan& plan, const Profile& profile, const std::filesystem::path& run) {
  TeardownRecord record = MakeTeardownRecord(plan, profile, run);
  record.domains.clear();
  record.networks.clear();
  record.pools.clear();
  record.made.clear();
  record.claim_name.clear();
  record.claim_uuid.clear();
  record.devices.clear();
  record.destroy.clear();
  record.attached = true;
  return record;
}

std::map<std::string, std::string> ObjectsOf(const TeardownRecord& record, const Inventory& now) {
  std::map<std::string, std::string> objects;
  for (const std::string& name : record.domains) {
    if (const auto* domain = now.FindDomain(name)) objects["domain " + name] = domain->uuid;
  }
  for (const std::string& name : record.networks) {
    if (const auto* network = now.FindNetwork(name)) objects["network " + name] = network->uuid;
  }
  for (const std::string& name : record.pools) {
    if (const auto* pool = now.FindPool(name)) objects["pool " + name] = pool->uuid;
  }
  return objects;
}

void WriteTeardownRecord(const std::filesystem::path& file, const TeardownRecord& record) {
  WriteFileDurably(file, nlohmann::json(record).dump(2) + "\n", 0600);
}

TeardownRecord ReadTeardownRecord(const std::filesystem::path& file) {
  try {
    return nlohmann::json::parse(ReadFile(file)).get<TeardownRecord>();
  } catch (const nlohmann::json::exception& error) {
    throw EvidenceError(fmt::format("{} is not as this suite wrote it: {}", file.string(), error.what()));
  }
}

}  // namespace passthrough
