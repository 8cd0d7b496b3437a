// What a GPU can say of itself through nvidia-smi.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

// Its link.
std::vector<Fault> GpuLinkFaults() {
  return {
      {.id = "N22b",
       .name = "the driver says that the link is narrower than GPU and slot can have it",
       .in_node = ReplaceInNvidiaSmi("pci/pci_gpu_link_info/link_widths/max_link_width=16x\n"
                                     "pci/pci_gpu_link_info/link_widths/current_link_width=4x"),
       .fails = {"GpuLink.HasAllItsLanes"},
       .says = {{"GpuLink.HasAllItsLanes", "has 4 lanes, it can have 16"}}},
      {.id = "N22c",
       .name = "the link is slow while the GPU works",
       .in_node = ReplaceInNvidiaSmi("performance_state=P0\n"
                                     "clocks_event_reasons/clocks_event_reason_gpu_idle=Not Active\n"
                                     "utilization/gpu_util=98 %\n"
                                     "pci/pci_gpu_link_info/pcie_gen/max_link_gen=4\n"
                                     "pci/pci_gpu_link_info/pcie_gen/current_link_gen=1"),
       .fails = {"GpuLink.IsFastWhileTheGpuWorks"},
       .says = {{"GpuLink.IsFastWhileTheGpuWorks", "runs at generation 1, it can run at 4"}}},
  };
}

// Its memory.
std::vector<Fault> GpuMemoryFaults() {
  return {
      {.id = "N23",
       .name = "ECC errors that could not be corrected",
       .in_node = ReplaceInNvidiaSmi("ecc_errors/volatile/dram_uncorrectable=3"),
       .fails = {"GpuHealth.HasNoUncorrectedMemoryError"},
       .says = {{"GpuHealth.HasNoUncorrectedMemoryError", "3 uncorrected memory errors"}}},
      {.id = "N23b",
       .name = "a row remapping is pending",
       .in_node = ReplaceInNvidiaSmi("remapped_rows/remapped_row_pending=Yes"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "a row remapping is pending"}}},
      {.id = "N23c",
       .name = "a row remapping failed",
       .in_node = ReplaceInNvidiaSmi("remapped_rows/remapped_row_failure=Yes"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "a row remapping failed"}}},
      {.id = "N23d",
       .name = "pages wait to be retired",
       .in_node = ReplaceInNvidiaSmi("retired_pages/pending_retirement=Yes"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "pages wait to be retired"}}},
      {.id = "N23e",
       .name = "63 pages of the GPU's memory are retired, NVIDIA's limit",
       .in_node = ReplaceInNvidiaSmi("retired_pages/double_bit_retirement/retired_count=63"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "63 pages of its memory are retired"}}},
      {.id = "N23f",
       .name = "512 rows of the GPU's memory were replaced, NVIDIA's limit",
       .in_node = ReplaceInNvidiaSmi("remapped_rows/remapped_row_unc=512"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "512 rows of its memory were replaced"}}},
      {.id = "N23g",
       .name = "a flood of corrected memory errors",
       .in_node = ReplaceInNvidiaSmi("ecc_errors/volatile/dram_correctable=987654321"),
       .fails = {"GpuHealth.NeedsNoMemoryRepair"},
       .says = {{"GpuHealth.NeedsNoMemoryRepair", "987654321 memory errors were corrected"}}},
  };
}

// Its own limits.
std::vector<Fault> GpuLimitFaults() {
  return {
      {.id = "N24",
       .name = "the GPU is slowed down because it is too hot",
       .in_node = ReplaceInNvidiaSmi("clocks_event_reasons/clocks_event_reason_hw_thermal_slowdown=Active"),
       .fails = {"GpuHealth.IsNotSlowedDownByHardware"},
       .says = {{"GpuHealth.IsNotSlowedDownByHardware", "because it is too hot"}}},
      {.id = "N24b",
       .name = "the power supply slows the GPU down: power brake",
       .in_node = ReplaceInNvidiaSmi("clocks_event_reasons/clocks_event_reason_hw_power_brake_slowdown=Active"),
       .fails = {"GpuHealth.IsNotSlowedDownByHardware"},
       .says = {{"GpuHealth.IsNotSlowedDownByHardware", "power brake"}}},
      {.id = "N24c",
       .name = "the GPU is hotter than its own maximum",
       .in_node = ReplaceInNvidiaSmi("temperature/gpu_temp=97 C\n"
                                     "temperature/gpu_temp_max_gpu_threshold=93 C"),
       .fails = {"GpuHealth.IsWithinItsOwnLimits"},
       .says = {{"GpuHealth.IsWithinItsOwnLimits", "hotter than its maximum operating temperature"}}},
      {.id = "N24d",
       .name = "the GPU's distance to its temperature limit is below where it slows down",
       .in_node = ReplaceInNvidiaSmi("temperature/gpu_temp_tlimit=-3 C\n"
                                     "temperature/gpu_temp_slow_tlimit_threshold=-2 C"),
       .fails = {"GpuHealth.IsWithinItsOwnLimits"},
       .says = {{"GpuHealth.IsWithinItsOwnLimits", "where its hardware slows it down"}}},
      {.id = "N22h",
       .name = "the PCIe link was trained anew: its replay counter rolled over",
       .in_node = ReplaceInNvidiaSmi("pci/replay_rollover_counter=2"),
       .fails = {"GpuHealth.IsWithinItsOwnLimits"},
       .says = {{"GpuHealth.IsWithinItsOwnLimits", "replay rollover"}}},
      {.id = "N22i",
       .name = "the PCIe link repeats more packets a minute than NVIDIA's limit",
       .in_node = ReplaceInNvidiaSmi("pci/replay_counter=99999999"),
       .fails = {"GpuHealth.IsWithinItsOwnLimits"},
       .says = {{"GpuHealth.IsWithinItsOwnLimits", "NVIDIA's limit is 8 a minute"}}},
  };
}

// What keeps programs from it.
std::vector<Fault> GpuUseFaults() {
  return {
      {.id = "N14e",
       .name = "the GPU's compute mode forbids programs",
       .in_node = ReplaceInNvidiaSmi("compute_mode=Prohibited"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "its compute mode forbids programs"}}},
      {.id = "N14f",
       .name = "hardly any memory is free, and no program is there",
       .in_node = ReplaceInNvidiaSmi("fb_memory_usage/free=0 MiB"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "no program is listed on it"}}},
      {.id = "N14g",
       .name = "the NVLink fabric is not ready",
       .in_node = CoverNvidiaSmi("s,<compute_mode>,<fabric><state>In Progress</state></fabric>&,"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "its NVLink fabric is not ready"}}},
      {.id = "N14h",
       .name = "the NVLink fabric is degraded",
       .in_node =
           CoverNvidiaSmi("s,<compute_mode>,<fabric><health><bandwidth>Degraded</bandwidth></health></fabric>&,"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "its NVLink fabric is not healthy"}}},
      {.id = "N14i",
       .name = "a vGPU has no licence",
       .in_node =
           CoverNvidiaSmi("s,Pass-Through,VGPU,;s,<compute_mode>,<vgpu_software_licensed_product><license_status>"
                          "Unlicensed (Restricted)</license_status></vgpu_software_licensed_product>&,"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "it has no licence"}}},
      {.id = "N14j",
       .name = "the GPU's firmware is of another release than the driver",
       .in_node = ReplaceInNvidiaSmi("gsp_firmware_version=535.54.03"),
       .fails = {"GpuHealth.IsOpenToPrograms"},
       .says = {{"GpuHealth.IsOpenToPrograms", "its firmware (GSP) is of another release"}}},
  };
}

}  // namespace passthrough
