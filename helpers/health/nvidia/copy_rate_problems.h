// Whether copies to and from a GPU use the link that it has.
#pragma once

#include <optional>
#include <string>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/workload_evidence.h"

namespace passthrough {

// How much of what the GPU's link carries under load its copies reached, each direction; nothing where the node shows
// no link, or no rate was measured.
struct LinkShares {
  std::optional<double> to_device;  // 1: all of it
  std::optional<double> from_device;
};
LinkShares SharesOfLink(const WorkloadGpu& gpu);

// Copies that reach less than half of what the link carries are a note, with the share: page-locked copies reach three
// quarters of a link and more, and those of a GPU in confidential-computing mode, which are encrypted on the way, a few
// GB/s on any link (arXiv 2606.23969 measures it). Those below the limit are a failure. `least_percent`: of the link,
// as a profile sets it; where none does, 10 %, and no more than 3 GB/s, so that confidential computing is no failure.
// `name`: "GPU 0000:01:00.0".
Findings CopyRateProblems(const WorkloadEvidence& workload, const WorkloadGpu& gpu, const std::string& name,
                          std::optional<int> least_percent);

}  // namespace passthrough
