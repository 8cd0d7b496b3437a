// Collecting evidence: one connection and one exec a node, all nodes at once.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/config/profile.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// One node to collect from.
struct CollectTarget {
  std::string node;    // directory name below evidence/; letters, digits, '_' and '-'
  SshAccount account;  // with host
  bool has_gpus = false;  // their driver is waited for where it has just booted
};

struct CollectOptions {
  std::filesystem::path remote_directory;    // the project's remote/
  std::filesystem::path program_directory;   // programs of probes, by the probe's name; may be empty
  std::filesystem::path evidence_directory;  // <run>/evidence
  std::vector<std::string> probes;           // names, in the order of running
  JumpHost* jump = nullptr;
  HostKeys* host_keys = nullptr;
  std::chrono::seconds ready_limit{300};    // for a node's SSH server to answer
  std::chrono::seconds collect_limit{120};  // for its probes, after that
  std::chrono::milliseconds keep_alive = ExecOptions().keep_alive;  // as there
  int probe_scale = 1;  // multiplies the probes' own limits on the node
  // Told as things happen, from the nodes' threads: ("hpc_compute_01", "SSH answers").
  std::function<void(const std::string& node, const std::string& what)> on_progress;
};

struct CollectOutcome {
  std::string node;
  std::string error;           // empty: every frame of every probe arrived
  double ready_seconds = 0;    // until SSH let us in
  double collect_seconds = 0;  // after that
};

// Runs the probes on every target at once, a thread a node, and writes evidence/<node>/. A node
// that fails has its error in its outcome and in its collection.json, and costs the others nothing.
// Throws InterruptedError after all threads ended; EvidenceError where the evidence cannot be
// written.
std::vector<CollectOutcome> Collect(const std::vector<CollectTarget>& targets,
                                    const CollectOptions& options, const Deadline& deadline);

// The probes that remote/probes/ has, by name, sorted.
std::vector<std::string> AvailableProbes(const std::filesystem::path& remote_directory);

}  // namespace passthrough
