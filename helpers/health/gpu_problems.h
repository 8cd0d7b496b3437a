// What a GPU says of itself in nvidia-smi -q -x, schema v11 to v13. What a GPU does not have it reports as
// "N/A", which is never a problem; nothing here knows names of GPUs.
#pragma once

#include <string>
#include <vector>

#include "helpers/health/health_problem.h"
#include "helpers/parsers/nvidia_smi_xml.h"

namespace passthrough {

// Uncorrected ECC errors since the driver was loaded: more than 0 is one too many, since data was lost.
// Corrected ones, and the aggregate counts of the card's whole life, are none. Counts of MIG devices are
// parts of their GPU's. Source: NVIDIA, "GPU Memory Error Management".
HealthProblems UncorrectedErrorProblems(const NvidiaSmiXml& xml);

// Repairs of memory that wait for a reset, failed, or have run out: row remapping pending or failed
// (Ampere and later), pages pending retirement (before), channel and TPC repair pending, unrepairable
// memory, the SRAM error threshold. Source: NVIDIA, "GPU Memory Error Management" (row remapping, RMA
// policy) and "Dynamic Page Retirement".
HealthProblems MemoryRepairProblems(const NvidiaSmiXml& xml);

// The driver wants the GPU reset or the node rebooted (nvmlDeviceGpuRecoveryAction_t; before release 570,
// gpu_reset_status).
HealthProblems RecoveryProblems(const NvidiaSmiXml& xml);

// The hardware slows the clocks down: heat, power brake, or its own protection. That software caps the
// power or the GPU idles is no problem. Source: nvml.h, nvmlClocksEventReason*; called throttle reasons
// before release 535.
HealthProblems SlowdownProblems(const NvidiaSmiXml& xml);

// A GPU of a node's evidence.
struct GpuOfEvidence {
  std::string node;
  const NvidiaSmiXml* xml = nullptr;
  const NvidiaSmiGpu* gpu = nullptr;
};

// UUIDs that are none, and UUIDs that several GPUs have.
HealthProblems UuidProblems(const std::vector<GpuOfEvidence>& gpus);

}  // namespace passthrough
