// What must hold before a deployer changes anything.
#pragma once

#include "lab/deployer.h"

namespace passthrough {

// Throws Error with everything that would keep CreateCluster from succeeding, as far as that can be
// told beforehand: names that are taken, devices that the host does not have or cannot pass on,
// base images that are not there.
void CheckBeforeCreating(const Plan& plan, const DeploySettings& settings,
                         LibvirtConnection& connection);

}  // namespace passthrough
