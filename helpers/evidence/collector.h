// Collecting evidence: one connection and one exec a node, many nodes at once.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/evidence/node_setup.h"
#include "helpers/ssh/ssh_account.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// One node to collect from.
struct CollectTarget {
  std::string node;                                  // directory name below evidence/; letters, digits, '_' and '-'
  SshAccount account;                                // with host
  bool has_gpus = false;                             // their driver is waited for where it has just booted
  std::vector<std::string> may_be_overwritten = {};  // as in ProbeSettings
};

struct CollectOptions {
  std::filesystem::path remote_directory;    // the project's remote/
  std::filesystem::path program_directory;   // programs of probes, by the probe's name; may be empty
  std::filesystem::path evidence_directory;  // <run>/evidence
  std::vector<std::string> probes;           // names, in the order of running
  JumpHost* jump = nullptr;
  HostKeys* host_keys = nullptr;
  std::chrono::seconds ready_limit{300};                            // for a node's SSH server to answer
  std::chrono::seconds collect_limit{120};                          // for its probes, after that
  std::optional<SetupOptions> setup = {};                           // is waited for before them; nullopt: it is not
  int nodes_at_once = 100;                                          // each has a thread and some descriptors
  std::chrono::milliseconds keep_alive = ExecOptions().keep_alive;  // as there
  std::chrono::milliseconds report_after{10'000};                   // of waiting for a node's SSH server, and again
  int probe_scale = 1;                                              // multiplies the probes' own limits on the node
  int gpu_memory_percent = 0;  // of each GPU's free memory that is tested; 0: what the probe takes by itself
  // Called as things happen, from the nodes' threads: ("hpc_compute_01", "SSH answers").
  std::function<void(const std::string& node, const std::string& what)> on_progress;
};

struct CollectOutcome {
  std::string node;
  std::string error;           // empty: every frame of every probe arrived
  double ready_seconds = 0;    // until SSH let us in
  double collect_seconds = 0;  // after that
};

// Runs the probes on the targets, nodes_at_once of them at a time, a thread a node, and writes evidence/<node>/. A node
// that fails has its error in its outcome and in its collection.json, and costs the others nothing: the limits begin
// with its turn. Throws InterruptedError after all threads ended; EvidenceError where the evidence cannot be written.
std::vector<CollectOutcome> Collect(const std::vector<CollectTarget>& targets, const CollectOptions& options,
                                    const Deadline& deadline);

}  // namespace passthrough
