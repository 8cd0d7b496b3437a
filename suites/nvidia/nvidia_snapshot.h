// What NVIDIA's driver and tools say of a node's GPUs in one snapshot after a disruption.
#pragma once

#include "helpers/health/finding.h"
#include "suites/gpu_snapshot.h"

namespace passthrough {

// Each planned GPU of NVIDIA that is there is bound to nvidia.
Findings DriverAfter(const GpuSnapshot& snapshot);

// Xids, a driver that could not start, and its other errors, in the log since the step before the snapshot.
Findings DriverLogAfter(const GpuSnapshot& snapshot);

// nvidia-smi answers in both forms with exactly the planned GPUs, no error text, and no GPU that needs a reset, a
// repair of its memory, or has lost data.
Findings NvidiaSmiAfter(const GpuSnapshot& snapshot);

// What nvidia-smi's table still has after all GPUs were unplugged.
Findings StillInNvidiaSmi(const GpuSnapshot& unplugged);

}  // namespace passthrough
