// What stands in the way of deploying with ai-how, and what it will not take.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// Domains of others that the deployer's destroy would take along: where that is ai-how, those whose name begins with
// "<cluster>-", of a cluster of the plan, and is none of the plan's own.
std::vector<std::string> PrefixProblems(const Plan& plan, const Profile& profile, const Inventory& inventory);

// Files that lie where ai-how, as the deployer on this machine, makes the pools of the plan's clusters, as far as this
// user may see them: ai-how takes them for the cluster's.
std::vector<std::string> PoolDirectoryProblems(const Plan& plan, const Profile& profile,
                                               const std::filesystem::path& pool_root = "/var/lib/libvirt/images");

// What is worth a word before anything is deployed, or, where not `deploys`, attached to: the notes of the cluster
// file; and what ai-how refuses of it, where ai-how is the deployer.
std::vector<std::string> NotesBefore(const Plan& plan, const Profile& profile, bool deploys);

}  // namespace passthrough
