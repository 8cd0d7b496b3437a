// Reads the keys of a profile or of a facts file into a Profile. A key that is absent leaves what
// is there, so that a facts file is laid over a profile by reading it into that profile.
#pragma once

#include "helpers/config/profile.h"
#include "helpers/yaml/yaml_map.h"

namespace passthrough {

// Reads a whole profile: what a run cannot do without must be there.
void ReadProfile(YamlMap& top, Profile& profile);

// Reads a facts file: any of the keys that describe the host.
void ReadFacts(YamlMap& top, Profile& profile);

}  // namespace passthrough
