// What a GPU says of itself in nvidia-smi -q -x, whatever its schema. What a GPU does not have it reports as
// "N/A", which is never a problem; nothing here knows names of GPUs.
#pragma once

#include <string>
#include <vector>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {

// Uncorrected ECC errors since the driver was loaded: more than 0 is one too many, since data was lost.
// Corrected ones, and the aggregate counts of the card's whole life, are none. Where MIG is on, the counts of its
// instances count, too. Source: NVIDIA, "GPU Memory Error Management".
Findings UncorrectedErrorProblems(const NvidiaSmiXml& xml);

// Repairs of memory that wait for a reset, failed, or have run out: row remapping pending or failed
// (Ampere and later), pages pending retirement (before), channel and TPC repair pending, unrepairable
// memory, the SRAM error threshold. Source: NVIDIA, "GPU Memory Error Management" (row remapping, RMA
// policy) and "Dynamic Page Retirement".
Findings MemoryRepairProblems(const NvidiaSmiXml& xml);

// The driver wants the GPU reset or the node rebooted (nvmlDeviceGpuRecoveryAction_t; before release 570,
// gpu_reset_status).
Findings RecoveryProblems(const NvidiaSmiXml& xml);

// The hardware slows the clocks down: heat, power brake, or its own protection. That the driver does, because of heat,
// and reasons that no schema known here has, are notes; that software caps the power or the GPU idles is no problem.
// Source: nvml.h, nvmlClocksEventReason*; called throttle reasons before release 535.
Findings SlowdownProblems(const NvidiaSmiXml& xml);

// A GPU of a node's evidence.
struct GpuOfEvidence {
  std::string node;
  const NvidiaSmiXml* xml = nullptr;
  const NvidiaSmiGpu* gpu = nullptr;
};

// UUIDs that are none, and UUIDs that several GPUs have.
Findings UuidProblems(const std::vector<GpuOfEvidence>& gpus);

// Serial numbers that several GPUs have, each of which says that it is alone on its board ("multigpu_board"). A serial
// number of zeros is none.
Findings SerialNumberProblems(const std::vector<GpuOfEvidence>& gpus);

// GPUs of one cluster that should be alike: less than 9/10 of another's memory under the same product name and part
// number is a failure; different drivers in the cluster, and different VBIOS versions and ECC modes of one model, are
// notes, since they work.
Findings UnlikeGpus(const std::vector<GpuOfEvidence>& gpus);

}  // namespace passthrough
