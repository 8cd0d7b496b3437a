// What the disruptive suite runs as root on a node. None of these scripts has a single quote in it: each is put into
// some.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"

namespace passthrough {

// Where a script looks; other places for tests.
struct NodePlaces {
  std::string sys = "/sys";
  std::string proc = "/proc";
};

// Exit status of RescanScript() and ReleaseScript(): programs hold a GPU open; standard error names them, one a line.
inline constexpr int kGpusAreHeld = 6;

// Removes `gpus` and rescans. However it ends, the bus is rescanned, and NVIDIA's daemon and the GPUs' persistence mode
// are as they were. Exit status 2: one could not be removed; 3: one is still listed; 4: the rescan failed;
// kGpusAreHeld: nothing was removed.
std::string RescanScript(const std::vector<PciAddress>& gpus, const NodePlaces& places = {});

// Has the node let go of its GPUs, before they are unplugged: stops NVIDIA's daemon and ends persistence mode. Prints
// what RestoreScript() must bring back. Where programs hold a GPU open, all is as before: kGpusAreHeld.
std::string ReleaseScript(const NodePlaces& places = {});

// What ReleaseScript() stopped.
struct ReleasedGpus {
  bool daemon = false;              // nvidia-persistenced ran
  bool all_persistent = false;      // every GPU was in persistence mode
  std::vector<PciAddress> persistent;  // otherwise these were
};

// Of what ReleaseScript() printed; of the GPUs named there `gpus` alone count, as the node is not trusted.
ReleasedGpus ReadReleased(std::string_view printed, const std::vector<PciAddress>& gpus);

std::string RestoreScript(const ReleasedGpus& released);

}  // namespace passthrough
