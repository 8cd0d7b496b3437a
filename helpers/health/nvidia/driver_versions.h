// Whether the parts of the NVIDIA driver are of one release. Each part is compared where it is there: what
// is missing is another check's.
#pragma once

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/modules_evidence.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"

namespace passthrough {

// The loaded module against the one on disk, which the next boot loads.
Findings DiskVersionProblems(const ModulesEvidence& modules);

// The loaded module against the NVML library that programs load, and against nvidia-smi.
Findings UserspaceVersionProblems(const ModulesEvidence& modules, const NvidiaSmiTable& table);

}  // namespace passthrough
