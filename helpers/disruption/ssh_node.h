// A node over SSH.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "helpers/disruption/node_access.h"
#include "helpers/evidence/collector.h"

namespace passthrough {

// `collect`: how this run collects evidence everywhere, and the probes of each snapshot; its jump host, host keys,
// limits and remote_directory, of which the actions come, count here, too. `evidence_directory` gets the snapshots.
// `report` gets progress.
std::unique_ptr<NodeAccess> OpenSshNode(const SshAccount& account, const CollectOptions& collect,
                                        const std::filesystem::path& evidence_directory,
                                        const std::function<void(const std::string&)>& report);

}  // namespace passthrough
