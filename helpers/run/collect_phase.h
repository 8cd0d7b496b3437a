// Finding the nodes, and collecting the evidence of each and of the host.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "helpers/cluster/discovery.h"
#include "helpers/run/run_state.h"

namespace passthrough {

class CollectPhase {
 public:
  explicit CollectPhase(RunState& state) : state_(state) {}  // outlives this

  // What fails on single nodes is in the evidence; what stops the whole is thrown.
  void Discover();
  void CollectFromNodes(const std::vector<std::string>& probes);
  void CollectFromHost();
  // What the nodes printed on their consoles so far; a log that cannot be had is reported and no error.
  void SaveConsoleLogs();

  const Discovery& discovery() const { return discovery_; }  // empty before Discover

 private:
  std::vector<CollectTarget> Targets();
  // The places on the buses of the nodes of the disks that may be overwritten, by node. Asks libvirt where there are
  // such disks, and where it does not tell, notes that nothing is written.
  std::map<std::string, std::vector<std::string>> PlacesToOverwrite();

  RunState& state_;
  Discovery discovery_;
};

}  // namespace passthrough
