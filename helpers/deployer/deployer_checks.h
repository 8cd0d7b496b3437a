// What must hold before a deployer changes anything.
#pragma once

#include <string>
#include <vector>

#include "helpers/deployer/deployer.h"

namespace passthrough {

// Throws Error with everything that would keep CreateCluster from succeeding, as far as that can be
// known beforehand: names that are taken, devices that the host does not have or cannot pass on,
// base images that are not there.
void CheckBeforeCreating(const Plan& plan, const DeploySettings& settings, LibvirtConnection& connection);

// What the cluster file asks for and CreateCluster does not do, a line each: "NOTE: hpc_compute_01:
// virtio_fs_mounts is ignored". None of it changes what the checks find. docs/cluster-files.md lists the fields.
std::vector<std::string> WhatIsIgnored(const Plan& plan);

}  // namespace passthrough
