// What CUDA says of a GPU, and how its kernel went, against what is right and what nvidia-smi says. Pure functions.
#pragma once

#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "helpers/parsers/nvidia/workload_evidence.h"

namespace passthrough {

// The kernel was not compiled, not launched, or one of its threads computed something else. A GPU that is older than
// the kernel is a note. `name`: "GPU 0000:01:00.0".
Findings KernelProblems(const WorkloadEvidence& cuda, const WorkloadGpu& gpu, const std::string& name);

// CUDA and nvidia-smi on one GPU: another UUID, memory that differs by more than a tenth (CUDA's is less by what the
// driver reserves, "reserved" in the XML), and a link with fewer lanes under load than nvidia-smi saw, are failures;
// hardly any memory that is free for CUDA, and another CUDA version (a compatibility library), are notes. Nothing of a
// GPU with MIG on, whose devices are parts of it.
Findings CudaAgainstSmi(const WorkloadEvidence& cuda, const WorkloadGpu& gpu, const NvidiaSmiXml& xml,
                        const NvidiaSmiGpu& in_xml, const std::string& name);

}  // namespace passthrough
