// What a GPU says of its own limits and modes in nvidia-smi -q -x, whatever its schema. What it does not have it
// reports as "N/A", which is never a problem; nothing here knows names of GPUs. Pure functions, as all of this room:
// any thread, no exception.
#pragma once

#include <optional>

#include "helpers/health/finding.h"
#include "helpers/parsers/nvidia/nvidia_smi_table.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"

namespace passthrough {

// Temperatures (degrees C) above the thresholds that the GPU itself names: where it slows itself down or shuts off, and
// its maximum operating temperature; where it tells the distance to them instead (T.Limit), below those. Source:
// nvml.h, nvmlTemperatureThresholds_t; nvidia-smi's manual, "Temperature".
Findings TemperatureProblems(const NvidiaSmiXml& xml);

// The PCIe link repeats what it sends. A rollover (four repeats in a row, after which the link is trained anew) is a
// failure; repeats are one where there are more than 8 a minute of `uptime_seconds` and 8 x 60 in all, else a note.
// Sources: PCI Express Base Specification, REPLAY_NUM; NVIDIA DCGM, DCGM_LIMIT_MAX_PCIREPLAY_RATE ("8 replays per
// minute is the maximum recommended"). The GPU counts since its reset, which is no earlier than the node's boot in a
// VM.
Findings ReplayProblems(const NvidiaSmiXml& xml, std::optional<double> uptime_seconds);

// A power limit below 75 % of the GPU's default, or outside of what it allows: notes, since somebody may want it so.
Findings PowerLimitProblems(const NvidiaSmiXml& xml);

// What keeps programs from a GPU: a compute mode that forbids them, no memory at all or hardly any free though no
// program is there, a fabric that is not ready or not healthy (nvml.h, nvmlGpuFabricState_t: CUDA answers 802 until
// it is "Completed" with "Success"), a vGPU without a licence (NVIDIA Virtual GPU Client Licensing User Guide: slowed
// down to an idle level 20 minutes after boot), GSP firmware of another release than the driver.
Findings UsabilityProblems(const NvidiaSmiXml& xml);

// Notes: modes that will be others after the next reset (each pair current_… and pending_…).
Findings PendingModeProblems(const NvidiaSmiXml& xml);

// Notes: memory that is near the end of its spare rows or pages, but not there yet, and floods of corrected errors; a
// failure at NVIDIA's own limits. Sources: NVIDIA, "GPU Memory Error Management", RMA Policy (eight rows a bank, 512 in
// all) and Row Remapping (64 retired pages at most); NVIDIA DCGM, DCGM_LIMIT_MAX_RETIRED_PAGES (63, as the field
// diagnostic) and …_SOFT_LIMIT (15). For corrected errors NVIDIA names none: 50,000,000 since the driver was loaded is
// what Meta's cluster health checks take for too many (GCM, ecc_corrected_volatile_total).
Findings MemoryReserveProblems(const NvidiaSmiXml& xml);

// Notes: flags, counters and states that say that something is wrong, or seem to, of which no rule above and in
// gpu_problems.h knows more; NVLinks of which some are up and some are not; elements that the rules read and this
// text does not have, where its schema is none of those known (11 to 13).
Findings OtherStateProblems(const NvidiaSmiXml& xml);

// The table says of ECC what the XML, asked for later, denies: on or off, and uncorrected errors, which do not go away.
Findings EccDisagreements(const NvidiaSmiTable& table, const NvidiaSmiXml& xml);

}  // namespace passthrough
