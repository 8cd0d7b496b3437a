// What a maker's room adds to the checks that are about GPUs of every maker.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "helpers/config/plan.h"
#include "helpers/health/finding.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/gpu_snapshot.h"

namespace passthrough {

// A maker without one of these has nothing of the kind: nullptr.
struct GpuMaker {
  uint16_t vendor = 0;
  // GPUs that the maker's driver lost, by what it says in the kernel log.
  Findings (*lost_gpus)(const KernelLog& log) = nullptr;
  // Lines of the kernel log that the maker's own checks report, so that no line is reported twice.
  bool (*reports_line)(std::string_view line) = nullptr;
  // What the maker's tools still show in the snapshot after all GPUs of the node were unplugged.
  Findings (*still_shown)(const GpuSnapshot& unplugged) = nullptr;
};

// Before main, by the room of that maker.
bool AddGpuMaker(const GpuMaker& maker);

// Of the planned GPUs of `node`, as far as rooms of this suite know their makers.
std::vector<GpuMaker> MakersOf(const PlannedNode& node);

// Whether the checks of one of `makers` report this line of the kernel log.
bool ReportsLine(const std::vector<GpuMaker>& makers, std::string_view line);

// What devices of that maker `pci` shows: GPUs and what belongs to them. Of Intel, whose id QEMU's emulated chipset
// has, GPUs alone.
std::vector<const PciFunction*> FunctionsOfGpuMaker(uint16_t vendor, const PciEvidence& pci);

// Whether the function of a planned device of that maker is among them.
bool CountsAmongGpuMakers(const PlannedDevice& device, uint16_t vendor);

// Those of all makers of planned GPUs of `node`.
std::vector<const PciFunction*> FunctionsOfGpuMakers(const PlannedNode& node, const PciEvidence& pci);

}  // namespace passthrough
