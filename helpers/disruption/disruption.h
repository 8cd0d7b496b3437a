// What the disruptive suite does to a node, and what is kept of it: removing and rescanning its GPUs, unplugging
// and replugging them through libvirt, rebooting it. Each ends in a snapshot: the probes again, as evidence of its
// own in evidence/<node>/<snapshot>/. Checked by suites/disruptive.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/pci_address.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/disruption/ssh_node.h"
#include "helpers/disruption/unplug_order.h"
#include "helpers/disruption/unplugged_gpus.h"
#include "helpers/disruption/verified_node.h"
#include "helpers/evidence/collector.h"
#include "helpers/libvirt/connection.h"
#include "helpers/parsers/pci_evidence.h"
#include "helpers/rundir/run_directory.h"

namespace passthrough {

inline constexpr char kAfterRescan[] = "after-rescan";
inline constexpr char kAfterUnplug[] = "after-unplug";
inline constexpr char kAfterReplug[] = "after-replug";
// "after-reboot-2": counts from 1.
std::string AfterReboot(int cycle);

// What is to be done, in this order. The reboots come last: they undo what the others may have left.
struct DisruptionRequest {
  bool rescan = false;
  bool unplug = false;  // and replug
  int reboots = 0;
  std::vector<std::string> probes = {};  // of the snapshot after each step
  bool Any() const { return rescan || unplug || reboots > 0; }
};

// One thing that was done, or tried, before a snapshot.
struct DisruptionStep {
  std::string snapshot;        // "after-rescan"
  std::string error;           // why it could not be done as it should, in words; empty: it was done
  std::string console;         // the last lines that the node's console showed, where it did not come back
  double seconds = 0;          // without the snapshot
  std::string boot_id_before;  // of reboots
  std::string boot_id_after;
};

struct Disruption {
  std::vector<DisruptionStep> steps;
  // nullptr where it was not reached.
  const DisruptionStep* Find(const std::string& snapshot) const;
};

struct DisruptionTarget {
  std::string node;
  std::string domain;
  SshAccount account;  // with host
  // What is unplugged and replugged; functions are where the host has them.
  UnplugPlan unplug;
  std::optional<Ipv4Subnet> subnet = {};  // its cluster's: where it may be after a reboot
  std::vector<uint16_t> vendors = {};     // whose display controllers are its GPUs: PCI vendor ids
};

// The vendor ids of the planned GPUs of `node`: the cluster file's, or, where it has none, the host's.
std::vector<uint16_t> VendorsOfGpus(const PlannedNode& node, const Inventory& host);

// The functions of these vendors that have a class of GPUs (gpu_class.h): a node's GPUs, not its own display, which is
// another vendor's.
std::vector<PciAddress> DisplaysOf(const PciEvidence& pci, const std::vector<uint16_t>& vendors);

struct DisruptionTools {
  LibvirtConnection* libvirt = nullptr;
  JumpHost* jump = nullptr;
  HostKeys* host_keys = nullptr;
  CollectOptions collect;  // of each snapshot, but for its evidence directory, its probes and on_progress
  TimeLimits limits;       // ssh: until a node answers, twice that after a reboot
  std::function<void(const std::string& node, const std::string& what)> on_progress;
  DetachedGpuLog detached_gpus;  // from any thread
};

// Does it to one node and writes evidence/<node>/disruption.json after each step; what fails is in there. A
// node that is lost ends it: the steps that are left say so, and so do all where there is no output of the probe
// "pci" from before, which says what to remove. A machine that has not the domain's UUID is left alone. GPUs that
// were unplugged are plugged in again, however this ends. Throws InterruptedError, and EvidenceError where the evidence
// cannot be written.
void Disrupt(const DisruptionTarget& target, const DisruptionRequest& request, const DisruptionTools& tools,
             const RunDirectory& run);

// Throws EvidenceError.
Disruption ReadDisruption(const RunDirectory& run, const std::string& node);
void WriteDisruption(const RunDirectory& run, const std::string& node, const Disruption& disruption);

}  // namespace passthrough
