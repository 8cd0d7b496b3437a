// What a run has to take down: written before the first create, gone when everything is taken down.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/process_identity.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/inventory/inventory.h"
#include "helpers/teardown_record/detached_gpu.h"

namespace passthrough {

// All that teardown needs, so that it can be done by another process than the one that deployed.
struct TeardownRecord {
  std::string run;  // the run directory, absolute
  // Which host, in words that are the same before and after it is up: the facts file of a host that the
  // profile brings up, else the libvirt URI.
  std::string host_id;
  std::string config;  // the cluster file
  std::string libvirt_uri;
  // Exactly what may be taken away: names that did not exist before the create.
  std::vector<std::string> domains;
  std::vector<std::string> networks;
  std::vector<std::string> pools;
  // UUIDs of what the create made, by "domain NAME", "network NAME", "pool NAME". Nothing else is ever removed: what
  // has one of the names and another UUID was not created by this run. Known beforehand where the deployer takes its
  // UUIDs from the run (deployer.uuids_from_run); else what appeared while the create ran, whole when that has ended.
  std::map<std::string, std::string> made;
  // The claim at the hypervisor (recovery/hypervisor_claim.h). Its UUID is of this run alone.
  std::string claim_name;
  std::string claim_uuid;
  bool claimed = false;                  // it may be there
  std::vector<std::string> devices;      // the planned host functions, which it covers, too
  CommandSequence destroy;               // the deployer's
  std::string working_directory;         // of the deployer
  bool deployed = false;                 // the deployer was started
  bool create_ended = false;             // and ended, and `made` has what it made
  bool created = false;                  // and succeeded
  std::vector<std::string> host_status;  // exits 0 where the host is up; empty: it always is
  std::vector<std::string> host_down;    // empty: the host is not this run's to bring down; noted before host.up
  int destroy_seconds = 300;
  ProcessIdentity owner;    // whose end means that teardown is due
  ProcessIdentity command;  // the deployer's create, or the host's, while it runs: leads a group
  bool kept = false;        // --no-cleanup: once deployed, not torn down unless a person asks
  bool attached = false;    // --attach: the cluster is not the run's
  // Taken out of domains that stay, and not back yet: their reattaching is pending also of a kept or an attached
  // cluster.
  std::vector<DetachedGpu> unplugged;
  // True where the cluster outlives the run.
  bool ClusterStays() const { return (kept && deployed) || attached; }
};

// Whether the deployer's create was begun and is not known to have ended.
inline bool IsCreating(const TeardownRecord& record) { return record.deployed && !record.create_ended; }

// The names that `plan` will make, in every spelling.
TeardownRecord MakeTeardownRecord(const Plan& plan, const Profile& profile, const std::filesystem::path& run);
// That of a run that made nothing: it names nothing that may be taken away.
TeardownRecord MakeAttachedRecord(const Plan& plan, const Profile& profile, const std::filesystem::path& run);

// What `now` has of the names in `record`, with its UUID: "domain NAME", "network NAME", "pool NAME".
std::map<std::string, std::string> ObjectsOf(const TeardownRecord& record, const Inventory& now);

// On the disk when it returns. Throws Error.
void WriteTeardownRecord(const std::filesystem::path& file, const TeardownRecord& record);
// Throws EvidenceError.
TeardownRecord ReadTeardownRecord(const std::filesystem::path& file);

}  // namespace passthrough
