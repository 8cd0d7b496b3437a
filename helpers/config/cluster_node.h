// Reads the nodes of a cluster, in each of the shapes that ai-how takes.
#pragma once

#include <vector>

#include "helpers/config/cluster_file.h"
#include "helpers/yaml/yaml_map.h"

namespace passthrough {

// Asks `map` for base_image_path.
std::optional<std::string> ReadBaseImagePath(YamlMap& map);

// `controller` or `control_plane`: its address is a must, and its key is ip_address. A control plane is started
// whatever auto_start says, and neither gets devices, as with ai-how; the notes say so.
NodeConfig ReadController(const YamlValue& value, NodeRole role);

// `compute_nodes`: a list, or a map with `count`.
std::vector<NodeConfig> ReadComputeNodes(const YamlValue& value);

// `worker_nodes`: a list, a map with `count`, or a map with the lists `cpu` and `gpu`. Where such a list does not say
// it, a node with a GPU in an enabled passthrough is a GPU worker.
std::vector<NodeConfig> ReadWorkerNodes(const YamlValue& value);

}  // namespace passthrough
