// What a run owes its host: written before the first create, gone when everything is taken down.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/process_identity.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/libvirt/inventory.h"
#include "helpers/run/unplugged_gpus.h"

namespace passthrough {

// All that teardown needs, so that it can be done by another process than the one that deployed.
struct Lease {
  std::string run;          // the run directory, absolute
  // Which host, in words that are the same before and after it is up: the facts file of a host that the
  // profile brings up, else the libvirt URI.
  std::string place;
  std::string config;       // the cluster file
  std::string libvirt_uri;
  // Exactly what may be taken away: names that did not exist before the create.
  std::vector<std::string> domains;
  std::vector<std::string> networks;
  std::vector<std::string> pools;
  // UUIDs of what the create made, by "domain NAME", "network NAME", "pool NAME"; empty until it ended. What has the
  // name and another UUID was made by somebody else meanwhile, and is left alone.
  std::map<std::string, std::string> made;
  CommandSequence destroy;              // the deployer's
  std::string working_directory;    // of the deployer
  bool deployed = false;            // the deployer was started
  std::vector<std::string> host_status;  // exits 0 where the host is up; empty: it always is
  std::vector<std::string> host_down;    // empty: the host is not this run's to bring down; noted before host.up
  int destroy_seconds = 300;
  ProcessIdentity owner;    // whose end means that teardown is due
  ProcessIdentity command;  // the deployer's create, or the host's, while it runs: leads a group
  bool kept = false;        // --no-cleanup: once deployed, not torn down unless somebody asks
  bool attached = false;    // --attach: the cluster is not the run's
  // Taken out of domains that stay, and not back yet: also of a kept or an attached cluster they are owed.
  std::vector<OwedGpu> unplugged;
  // True where the cluster outlives the run.
  bool ClusterStays() const { return (kept && deployed) || attached; }
};

// The names that `plan` will make, in every spelling.
Lease MakeLease(const Plan& plan, const Profile& profile, const std::filesystem::path& run);
// That of a run that made nothing: it names nothing that may be taken away.
Lease MakeAttachedLease(const Plan& plan, const Profile& profile, const std::filesystem::path& run);

// What `now` has of the names in `lease`, with its UUID: "domain NAME", "network NAME", "pool NAME".
std::map<std::string, std::string> ObjectsOf(const Lease& lease, const Inventory& now);

// On the disk when it returns. Throws Error.
void WriteLease(const std::filesystem::path& file, const Lease& lease);
// Throws EvidenceError.
Lease ReadLease(const std::filesystem::path& file);

}  // namespace passthrough
