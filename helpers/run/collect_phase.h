// Finding the nodes, and collecting the evidence of each and of the host.
#pragma once

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
  std::vector<CollectTarget> Targets() const;

  RunState& state_;
  Discovery discovery_;
};

}  // namespace passthrough
