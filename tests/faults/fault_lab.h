// The lab that faults are planted in: snapshots to start from, and the two places to plant in.
#pragma once

#include <filesystem>
#include <string>

#include "tests/end_to_end/lab_cluster.h"
#include "tests/faults/fault.h"

namespace passthrough {

class FaultLab {
 public:
  // Brings it up and keeps the snapshots kUp and, with the cluster deployed, kDeployed. Takes minutes.
  // Throws Error.
  explicit FaultLab(FaultCluster cluster);

  static constexpr char kUp[] = "up";              // nothing deployed
  static constexpr char kDeployed[] = "deployed";  // every node answers

  // All throw Error with what was printed. `script`: for sh -e.
  void Restore(const std::string& snapshot);
  void OnHost(const std::string& script);
  void InNode(const std::string& node, const std::string& script);

  TestLab& lab() { return lab_; }
  FaultCluster cluster() const { return cluster_; }

 private:
  FaultCluster cluster_;
  TestLab lab_;
};

// A word of sh in single quotes.
std::string ShellWord(const std::string& text);

}  // namespace passthrough
