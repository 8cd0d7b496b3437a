// A run directory as a run on real hardware leaves it, made here from texts, for --replay.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace passthrough {

// What the probe workload prints where all is well with the GPU of configs/test-pcie-passthrough-minimal.yaml.
std::string HealthyWorkload();

// The probe pci's output for that GPU and its audio function, in the node at 0000:01:00.
std::string HealthyPci();

// What nvidia-smi prints for that GPU, as a table and with -q -x; `elements` stand in the element of the GPU.
std::string HealthyNvidiaSmi();
std::string HealthyNvidiaSmiXml(const std::string& elements = "");

// Writes a run of `config` with all that libvirt says, and nothing that nodes say.
void WriteRunWithoutEvidence(const std::filesystem::path& run, const std::filesystem::path& config,
                             const std::string& stub_driver = "");

// Has the host of the run in `run` tell of the slot of that GPU: one with 16 lanes of PCIe generation 4.
void NoteTheSlot(const std::filesystem::path& run);

// Writes a run of that cluster file on which `probes` (name, output) were run on hpc_compute_01. `stub_driver`: as
// in RunRecord.
void WriteRecordedRun(const std::filesystem::path& run, const std::map<std::string, std::string>& probes,
                      const std::string& stub_driver = "");

}  // namespace passthrough
