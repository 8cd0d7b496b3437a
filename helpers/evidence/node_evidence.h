// What the probes printed on one node, as files of a run: evidence/<node>/<probe>.txt beside
// evidence/<node>/collection.json. Written by the collector, read by checks.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/error.h"

namespace passthrough {

// One probe's output and how the probe ended.
struct ProbeOutput {
  std::string probe;             // "pci"
  std::string text;              // bytes as printed; a node is not trusted
  std::string error_text;        // what it wrote to stderr
  std::filesystem::path path;    // of the file, relative to the run directory: "evidence/n/pci.txt"
  int exit_status = -1;          // -1: none, see timed_out and signal
  bool timed_out = false;        // the node's own limit for this probe passed
  bool truncated = false;        // more was printed than is kept
  bool complete = false;         // the whole frame arrived
  double seconds = 0;            // on the node
};

// All of one node. A value; reading it never touches the network.
class NodeEvidence {
 public:
  // Reads evidence/<node>/ of a run. Throws EvidenceError where the directory or its index cannot be
  // read: a check that needs it then fails.
  static NodeEvidence Load(const std::filesystem::path& run_directory, const std::string& node);

  // Why collecting failed as a whole ("cannot connect to …: Connection refused"); empty: it did not.
  const std::string& error() const { return error_; }
  // The probe's output, which is complete. Throws EvidenceError that says why where it was not run, was
  // cut short, timed out, or collecting failed: "hpc_compute_01: probe nvidia_smi did not end within 20 s
  // (evidence/hpc_compute_01/nvidia_smi.txt)". A non-zero exit status is not an error.
  const ProbeOutput& Require(const std::string& probe) const;
  // The same, nullptr where there is nothing at all; may be incomplete.
  const ProbeOutput* Find(const std::string& probe) const;

 private:
  std::string node_;
  std::string error_;
  std::map<std::string, ProbeOutput> probes_;
};

}  // namespace passthrough
