// Plans made by hand, for tests that are not about reading files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "helpers/config/plan.h"

namespace passthrough {

// One compute node with these devices.
inline Plan PlanOf(const std::vector<std::pair<std::string, DeviceType>>& devices) {
  PlannedNode node;
  node.name = "hpc_compute_01";
  node.cluster = "test";
  for (const auto& [address, type] : devices) {
    PlannedDevice device;
    device.host_address = PciAddress::Parse(address).value();
    device.type = type;
    device.where = {"cluster.yaml", 7, 9};
    node.devices.push_back(device);
  }
  Plan plan;
  plan.nodes.push_back(node);
  return plan;
}

}  // namespace passthrough
