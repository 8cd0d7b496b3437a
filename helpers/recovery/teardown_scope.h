// What a teardown may take away, and by which commands.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "helpers/inventory/inventory.h"
#include "helpers/libvirt/connection.h"
#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// The deployer's destroy, on the cluster file that was deployed: where the user's has changed since, on
// the copy that the run keeps.
CommandSequence DestroyCommands(const TeardownRecord& record, const RunDirectory& run);

// For the deployer's commands: the libvirt that the profile names, as virsh and ai-how take it from their environment.
inline std::map<std::string, std::string> DeployerEnvironment(const std::string& uri) {
  return {{"LIBVIRT_DEFAULT_URI", uri}};
}

// What has a name of the record's and is not known to be what the run made.
std::vector<std::string> ForeignObjectsIn(const TeardownRecord& record, const Inventory& now);

// The domains in `now` that are not the record's, and that its deployer's destroy would take for the cluster's:
// ai-how's goes by the prefix "CLUSTER-" of their names where its state does not know the cluster. Empty for other
// deployers.
std::vector<std::string> OthersThatDestroyTakes(const TeardownRecord& record, const Inventory& now);

// Removes the object with this UUID; `what`: "domain NAME", "network NAME" or "pool NAME". No error where it is gone.
// Throws LibvirtError.
void RemoveObject(LibvirtConnection& libvirt, const std::string& what, const std::string& uuid);

// `what`, with the command by which a person removes it.
std::string WithRemoval(const std::string& what, const std::string& uri);

}  // namespace passthrough
