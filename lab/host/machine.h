// The lab host as a machine: how much memory, how many processors, with which devices. All that a
// saved state of it depends on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "helpers/config/plan.h"
#include "lab/host/kvm_probe.h"
#include "lab/host/topology.h"

namespace passthrough {

// What a node in a lab gets, whatever the cluster file asks for: vfio pins all of its memory in the
// lab host, and every one of its instructions is emulated twice.
inline constexpr int kLabNodeMemoryMiB = 256;
inline constexpr int kLabNodeCpus = 1;

struct LabMachine {
  std::filesystem::path qemu;
  std::string qemu_version;
  Accelerator accelerator = Accelerator::kEmulation;
  int memory_mib = 0;
  int cpus = 0;
  int tsc_mhz = 0;  // TimeStampCounterMHz; 0: the guest finds out by itself
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::filesystem::path image;  // the root disk, never written to
  std::string manifest;         // of the images: says which build of them this is
  LabTopology topology;
};

// Memory for the lab host and the nodes of `plan` that run at once, in steps of 512 MiB so that
// clusters of similar size share saved states.
int LabMemoryMiB(const Plan& plan);

// Processors for the lab host. One: QEMU 7.2 emulates SVM for `-cpu max`, the lab host's kernel offers KVM by
// it, and nodes start three times as fast as under two levels of emulation. With two processors one node
// in 24 hung while it booted, and the lab host after some minutes (soft lockups on both); with one, none
// of 16 did.
int LabCpus();

// The rate of this machine's time stamp counter, measured in 20 ms; 0 where it has none.
int TimeStampCounterMHz();

// QEMU's arguments that a saved state must meet again, the program first. Nothing of one lab's own:
// no path but the images', no port.
std::vector<std::string> MachineArguments(const LabMachine& machine);

// What else one running QEMU needs; it is started in the directory of the lab.
struct LabInstance {
  std::string name;       // "passthrough-lab-…", how FindQemu knows it
  std::string disk;       // a qcow2 overlay
  uint16_t ssh_port = 0;  // on 127.0.0.1, forwarded to the lab host's 22; 0: one that is free
  bool incoming = false;  // wait for a saved state instead of booting
};

std::vector<std::string> InstanceArguments(const LabInstance& instance, const LabTopology& topology);

// Text that is equal exactly where a saved state of one machine fits the other.
std::string MachineKey(const LabMachine& machine);

}  // namespace passthrough
