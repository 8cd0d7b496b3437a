// What a run owes its host: written before the first create, gone when everything is taken down.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/base/process_identity.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"

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
  CommandSequence destroy;              // the deployer's
  std::string working_directory;    // of the deployer
  bool deployed = false;            // the deployer was started
  std::vector<std::string> host_down;  // empty: the host is not this run's to bring down
  int destroy_seconds = 300;
  ProcessIdentity owner;    // whose end means that teardown is due
  ProcessIdentity command;  // the deployer's create, or the host's, while it runs: leads a group
  bool kept = false;        // --no-cleanup: not torn down unless somebody asks
};

// The names that `plan` will make, in every spelling.
Lease MakeLease(const Plan& plan, const Profile& profile, const std::filesystem::path& run);

void WriteLease(const std::filesystem::path& file, const Lease& lease);
// Throws EvidenceError.
Lease ReadLease(const std::filesystem::path& file);

}  // namespace passthrough
