// `storage` of an HPC cluster: what ai-how's schema says of it is checked, and nothing of it is used.
#pragma once

#include "helpers/yaml/yaml_map.h"

namespace passthrough {

// Asks `cluster` for `storage` (storageConfig of ai-how's cluster.schema.json).
void ReadStorage(YamlMap& cluster);

}  // namespace passthrough
