#include "helpers/deployer/deployer_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/plans.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(WhatIsIgnored, NothingOfAPlainPlan) {
  Plan plan = PlanOf({});
  plan.clusters.emplace_back().acceleration.enable_nested = false;
  EXPECT_THAT(WhatIsIgnored(plan), IsEmpty());
}

TEST(WhatIsIgnored, IsSaidFieldByField) {
  Plan plan = PlanOf({});
  PlannedCluster& cluster = plan.clusters.emplace_back();
  cluster.name = "test-hpc";
  cluster.acceleration.enable_nested = true;
  cluster.acceleration.numa_nodes = 2;
  cluster.acceleration.cpu_pinning = true;
  plan.nodes.front().virtio_fs_mounts.push_back({"data", "/srv/data", "/data", true});
  EXPECT_THAT(WhatIsIgnored(plan),
              ElementsAre("NOTE: test-hpc: hardware.acceleration.enable_nested is ignored",
                          "NOTE: test-hpc: hardware.acceleration.numa_topology is ignored",
                          "NOTE: test-hpc: hardware.acceleration.performance.cpu_pinning is ignored",
                          "NOTE: hpc_compute_01: virtio_fs_mounts is ignored"));
}

}  // namespace
}  // namespace passthrough
