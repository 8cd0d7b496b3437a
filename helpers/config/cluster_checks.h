// What is wrong between parts of a cluster file that are each right by themselves.
#pragma once

#include "helpers/config/cluster_file.h"
#include "helpers/yaml/yaml_map.h"

namespace passthrough {

// Notes: a PCI address that two started nodes claim; an IP address that is outside its network,
// that the network needs itself, or that two nodes have; clusters that share a name, a bridge or
// addresses.
void CheckTogether(const ClusterFile& file, ProblemList& problems);

}  // namespace passthrough
