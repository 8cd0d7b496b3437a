// What changed on a host during a run beside what was planned, by whose it may be: people run this on
// machines that hold their other work.
#pragma once

#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {

// One sentence each.
struct HostChanges {
  // By its name or its place the plan's clusters', so that their deployer has to answer for it.
  std::vector<std::string> of_the_clusters;
  std::vector<std::string> of_others;
};

// Objects that the plan does not name, and devices that it does not pass through. The clusters': what is named as
// one of them names its own ("<cluster>-…"), and PCI functions in the IOMMU group or the slot of a planned one.
// Interfaces are not compared.
HostChanges ChangesBesideThePlan(const Plan& plan, const Inventory& before, const Inventory& after);

// Interfaces that are new. The clusters': the bridge of `cluster`, one of the plan's; those of its other clusters are
// left out, and taps, which nobody's name is on, where a planned domain is still there to have them. `running`: while
// the clusters were there; empty where nobody looked.
HostChanges NewInterfaces(const Plan& plan, const PlannedCluster& cluster, const Inventory& before,
                          const Inventory& running, const Inventory& after);

}  // namespace passthrough
