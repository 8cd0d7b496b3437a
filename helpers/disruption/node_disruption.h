// The steps of a disruption of one node, in their order.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/disruption/disruption.h"
#include "helpers/disruption/disruption_limits.h"
#include "helpers/disruption/live_domain.h"
#include "helpers/disruption/node_access.h"
#include "helpers/disruption/unplugged_gpus.h"
#include "helpers/disruption/verified_node.h"

namespace passthrough {

// What Disrupt() works with, behind interfaces. All outlive it.
struct DisruptedNode {
  LiveDomain& domain;
  NodeAccess& access;
  DisruptionLimits limits;
  std::function<void(const std::string&)> report;  // progress
  DetachedGpuLog log;
};

class NodeDisruption {
 public:
  // `gpus_in_node`: where the node has its GPUs, which are to be removed and rescanned.
  NodeDisruption(const DisruptionTarget& target, std::vector<PciAddress> gpus_in_node, const DisruptedNode& node,
                 const RunDirectory& run);

  // As Disrupt().
  void Run(const DisruptionRequest& request);

 private:
  using Body = std::function<void(DisruptionStep&)>;
  void DoAll(const DisruptionRequest& request);
  void Step(const std::string& snapshot, const Body& body);
  void Keep(const DisruptionStep& step);

  void Rescan();
  [[noreturn]] void RemovalHangs();
  void Unplug();
  void Replug();
  void Release();
  void Restore(const Deadline& deadline);
  void Reattach();
  void Reboot(DisruptionStep& step);
  void WaitForDrivers();

  const DisruptionTarget& target_;
  const std::vector<PciAddress> in_node_;
  const DisruptedNode& node_;
  const RunDirectory& run_;
  VerifiedNode verified_;
  std::string lost_;   // why the node cannot be reached any more; empty: it can
  std::string stuck_;  // why the node's PCI bus can be changed no more until it reboots; empty: it can
  Disruption done_;
  std::optional<std::vector<std::string>> released_;  // what restore.sh is to undo; nullopt: nothing was released
  UnpluggedGpus unplugged_;
};

// The words that release.sh printed, for restore.sh. The node is not trusted: what has other characters than such words
// have is left out, and so is what is too long or too much.
std::vector<std::string> ReleasedWords(std::string_view printed);

}  // namespace passthrough
