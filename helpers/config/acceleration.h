// Reads `hardware` of a cluster.
#pragma once

#include "helpers/config/cluster_file.h"
#include "helpers/yaml/yaml_map.h"

namespace passthrough {

Acceleration ReadHardware(const YamlValue& hardware);

}  // namespace passthrough
