// What is wrong with nvidia-smi's answers as a whole; what they say of a GPU's health is in gpu_problems.h.
#pragma once

#include <cstddef>
#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

// How nvidia-smi ended.
struct NvidiaSmiAnswer {
  int exit_status = 0;
  std::string last_line;  // of what it printed, which often says why
  std::string where;      // evidence
};

// `command`: "nvidia-smi -q -x".
Findings ExitStatusProblems(const std::string& command, const NvidiaSmiAnswer& answer);

// Other than `planned` GPUs are listed.
Findings GpuCountProblems(const NvidiaSmiTable& table, size_t planned);
Findings GpuCountProblems(const NvidiaSmiXml& xml, size_t planned);

// Texts with which nvidia-smi and NVML report that something is broken (nvidia_smi_words.h), and a table that is none.
Findings ErrorTextProblems(const NvidiaSmiTable& table);
Findings ErrorTextProblems(const NvidiaSmiXml& xml);

// The driver read other ids from a GPU than the node's kernel did.
Findings DeviceIdProblems(const NvidiaSmiXml& xml, const PciEvidence& pci);

}  // namespace passthrough
