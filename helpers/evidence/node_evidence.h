// What the probes printed on one node, as files of a run: evidence/<node>/<probe>.txt beside
// evidence/<node>/collection.json. Written by the collector, read by checks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/evidence/node_setup.h"

namespace passthrough {

// One probe's output and how the probe ended.
struct ProbeOutput {
  std::string probe;           // "pci"
  std::string text;            // bytes as printed; a node is not trusted
  std::string error_text;      // what it wrote to stderr
  std::filesystem::path path;  // of the file, relative to the run directory: "evidence/n/pci.txt"
  int exit_status = -1;        // -1: none, see the next four
  int signal = 0;              // that ended the probe; 0: none
  bool timed_out = false;      // the node's own limit for this probe passed
  int limit_seconds = 0;       // that limit, where timed_out
  std::string if_hung;         // what that means, by the probe's own header; empty: nothing is known
  bool skipped = false;        // not run, because a probe that it needs had hung; error_text says which
  bool truncated = false;      // more was printed than is kept
  bool complete = false;       // the whole frame arrived
  std::string changed;         // how the files differ from what was collected; empty: they do not, by their sizes
  double seconds = 0;          // on the node
};

// What came of collecting from one node.
struct Collection {
  std::string error;  // empty: every frame of every probe arrived
  double ready_seconds = 0;
  double collect_seconds = 0;
  // When the probes ran, by this machine's clock: seconds since 1970; 0: they did not.
  int64_t began_epoch = 0;
  int64_t ended_epoch = 0;
  NodeSetup setup;                  // with a command where it was waited for
  std::vector<ProbeOutput> probes;  // in the order of running; the last may be incomplete
};

// Writes <evidence_directory>/<node>/, in place of one that is there. Bytes that a node sent are
// written as they are. Throws EvidenceError.
void SaveCollection(const std::filesystem::path& evidence_directory, const std::string& node,
                    const Collection& collection);

// `file`, which is relative to the run directory. Throws EvidenceError where it is none of that run's evidence, as
// behind a link, or no regular file, and Error where it cannot be read.
std::string ReadEvidence(const std::filesystem::path& run_directory, const std::filesystem::path& file);

// All of one node. A value; reading it never touches the network.
class NodeEvidence {
 public:
  // Reads evidence/<node>/ of a run. Throws EvidenceError where the directory or its index cannot
  // be read: a check that needs it then fails.
  // `look`: a later look of a run that disturbed the node ("after-reboot-1"), evidence/<node>/<look>/.
  static NodeEvidence Load(const std::filesystem::path& run_directory, const std::string& node,
                           const std::string& look = {});

  // Why collecting failed as a whole ("cannot connect to …: Connection refused"); empty: it did
  // not.
  const std::string& error() const { return error_; }
  // Until SSH let us in, and after that until the last frame had arrived.
  double ready_seconds() const { return ready_seconds_; }
  double collect_seconds() const { return collect_seconds_; }
  // When the probes ran, by the clock of the machine that collected: seconds since 1970; 0: not known.
  int64_t began_epoch() const { return began_epoch_; }
  int64_t ended_epoch() const { return ended_epoch_; }
  // What came of waiting until the node was set up; without a command where that was not waited for.
  const NodeSetup& setup() const { return setup_; }
  // "evidence/hpc_compute_01/collection.json"
  const std::string& index() const { return index_; }
  // The probe's output, which is complete. Throws EvidenceError that says why where it was not run,
  // was cut short, timed out, or collecting failed: "hpc_compute_01: probe kernel_log did not end
  // within 60 s on the node (evidence/hpc_compute_01/kernel_log.txt)." and what its header says of a hang. Of a node of
  // which nothing was collected it is the same text for every probe: why, and how its console ends. A non-zero exit
  // status is not an error.
  const ProbeOutput& Require(const std::string& probe) const;
  // The same, nullptr where there is nothing at all; may be incomplete.
  const ProbeOutput* Find(const std::string& probe) const;

 private:
  std::string node_;
  std::string error_;
  std::string index_;    // "evidence/hpc_compute_01/collection.json"
  std::string console_;  // of a node of which nothing was collected: how its console ends, a sentence
  double ready_seconds_ = 0;
  double collect_seconds_ = 0;
  int64_t began_epoch_ = 0;
  int64_t ended_epoch_ = 0;
  NodeSetup setup_;
  std::map<std::string, ProbeOutput> probes_;
};

}  // namespace passthrough
