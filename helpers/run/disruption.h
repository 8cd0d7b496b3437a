// What the disruptive suite does to a node, and what is kept of it: removing and rescanning its GPUs, unplugging
// and replugging them through libvirt, rebooting it. Each ends in a look: the probes again, as evidence of its
// own in evidence/<node>/<look>/. Judged by suites/disruptive.cc.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/pci_address.h"
#include "helpers/config/ipv4_subnet.h"
#include "helpers/config/profile.h"
#include "helpers/libvirt/connection.h"
#include "helpers/run/run_directory.h"
#include "helpers/run/unplugged_gpus.h"
#include "helpers/ssh/ssh_session.h"

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
  bool Any() const { return rescan || unplug || reboots > 0; }
};

// One thing that was done, or tried, before a look.
struct DisruptionStep {
  std::string look;   // "after-rescan"
  std::string error;  // why it could not be done as it should, in words; empty: it was done
  std::string console;  // the last lines that the node's console showed, where it did not come back
  double seconds = 0;   // without the look
  std::string boot_id_before;  // of reboots
  std::string boot_id_after;
};

struct Disruption {
  std::vector<DisruptionStep> steps;
  // nullptr where it was not reached.
  const DisruptionStep* Find(const std::string& look) const;
};

struct DisruptionTarget {
  std::string node;
  std::string domain;
  SshAccount account;            // with host
  std::vector<PciAddress> gpus;  // where they are on the host
  std::optional<Ipv4Subnet> subnet = {};  // its cluster's: where it may be after a reboot
};

struct DisruptionTools {
  LibvirtConnection* libvirt = nullptr;
  JumpHost* jump = nullptr;
  HostKeys* host_keys = nullptr;
  std::filesystem::path remote_directory;
  TimeLimits limits;  // ssh: until a node answers, twice that after a reboot; collect: a look
  std::function<void(const std::string& node, const std::string& what)> on_progress;
  GpuDebts debts;  // from any thread
};

// The probes of each look.
std::vector<std::string> ProbesOfLooks();

// Why a machine must be left alone that `told` this as its DMI product UUID, to which libvirt sets the domain's;
// empty: it is the domain.
std::string ProblemOfMachine(std::string_view told, const std::string& domain, const std::string& domain_uuid);

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
