// Whether a GPU's PCIe link is as good as the GPU can, by what NVIDIA's driver says of it. See link_problems.h.
#pragma once

#include "helpers/health/finding.h"
#include "helpers/health/link_problems.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {

// Lanes in use against lanes that GPU and slot have. The driver knows them also where the node's bus does not show
// them.
Findings LinkWidthProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot);

// Generation in use against the best possible; only where the GPU says that it works: a GPU that idles
// lowers the speed to save power.
Findings LinkSpeedProblems(const NvidiaSmiXml& xml, const NvidiaSmiGpu& gpu, const SlotLimits& slot);

}  // namespace passthrough
