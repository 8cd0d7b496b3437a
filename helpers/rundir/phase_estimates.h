// How long the phases of a run may take, from what earlier ones took.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "helpers/rundir/run_record.h"

namespace passthrough {

// By phase, in seconds: the median of the newest runs in `directory` (five at most) that had the cluster, the profile
// and the mode of `record`, of those phases that succeeded. Empty where there was none. Throws nothing.
std::map<std::string, double> EstimatePhases(const std::filesystem::path& directory, const RunRecord& record);

}  // namespace passthrough
