// Whether the parts of the NVIDIA driver are of one release. Each part is compared where it is there: what
// is missing is another check's.
#pragma once

#include "helpers/health/health_problem.h"
#include "helpers/parsers/modules_evidence.h"
#include "helpers/parsers/nvidia_smi_table.h"

namespace passthrough {

// The loaded module against the one on disk, which the next boot loads.
HealthProblems DiskVersionProblems(const ModulesEvidence& modules);

// The loaded module against the NVML library that programs load, and against nvidia-smi.
HealthProblems UserspaceVersionProblems(const ModulesEvidence& modules, const NvidiaSmiTable& table);

}  // namespace passthrough
