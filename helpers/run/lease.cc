#include "helpers/run/lease.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/files.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProcessIdentity, pid, start_time, boot_id, place)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OwedGpu, domain, uuid, domain_id, defined, gpu, hostdev, file, left)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Lease, run, place, config, libvirt_uri, domains, networks, pools, made,
                                   destroy, working_directory, deployed, host_status, host_down,
                                   destroy_seconds, owner, command, kept, attached, unplugged)

Lease MakeLease(const Plan& plan, const Profile& profile, const std::filesystem::path& run) {
  Lease lease;
  lease.run = run.string();
  lease.place = profile.host ? std::filesystem::absolute(profile.host->facts).string() : profile.libvirt_uri;
  lease.config = plan.config_path;
  lease.libvirt_uri = profile.libvirt_uri;
  for (const PlannedNode& node : plan.nodes) {
    lease.domains.insert(lease.domains.end(), node.domain_names.begin(), node.domain_names.end());
  }
  for (const PlannedCluster& cluster : plan.clusters) {
    lease.networks.push_back(cluster.network_name);
    lease.pools.push_back(cluster.pool_name);
  }
  lease.destroy = profile.deployer.destroy;
  lease.working_directory = profile.deployer.working_directory.string();
  if (profile.host) lease.host_status = profile.host->status;
  lease.destroy_seconds = static_cast<int>(profile.time_limits.destroy.count());
  return lease;
}

Lease MakeAttachedLease(const Plan& plan, const Profile& profile, const std::filesystem::path& run) {
  Lease lease = MakeLease(plan, profile, run);
  lease.domains.clear();
  lease.networks.clear();
  lease.pools.clear();
  lease.destroy.clear();
  lease.attached = true;
  return lease;
}

std::map<std::string, std::string> ObjectsOf(const Lease& lease, const Inventory& now) {
  std::map<std::string, std::string> objects;
  for (const std::string& name : lease.domains) {
    if (const auto* domain = now.FindDomain(name)) objects["domain " + name] = domain->uuid;
  }
  for (const std::string& name : lease.networks) {
    if (const auto* network = now.FindNetwork(name)) objects["network " + name] = network->uuid;
  }
  for (const std::string& name : lease.pools) {
    if (const auto* pool = now.FindPool(name)) objects["pool " + name] = pool->uuid;
  }
  return objects;
}

void WriteLease(const std::filesystem::path& file, const Lease& lease) {
  WriteFileDurably(file, nlohmann::json(lease).dump(2) + "\n", 0600);
}

Lease ReadLease(const std::filesystem::path& file) {
  try {
    nlohmann::json lease = nlohmann::json::parse(ReadFile(file));
    // Leases of earlier versions lack these.
    lease.emplace("attached", false);
    lease.emplace("unplugged", nlohmann::json::array());
    for (nlohmann::json& owed : lease["unplugged"]) {
      owed.emplace("domain_id", -1);
      owed.emplace("defined", false);
    }
    return lease.get<Lease>();
  } catch (const nlohmann::json::exception& error) {
    throw EvidenceError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace passthrough
