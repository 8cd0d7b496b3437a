// Waiting until a node is set up: whatever is looked at before that is looked at too early.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/ssh/remote_exec.h"

namespace passthrough {

struct SetupOptions {
  // The command that ends once the node is set up; empty: cloud-init's, where the node has it
  // (remote/actions/ready.sh).
  std::vector<std::string> command = {};
  std::chrono::seconds limit{900};
};

// What came of it.
struct NodeSetup {
  std::string command;             // "cloud-init status --wait"; empty: nothing was waited for
  bool is_default = true;          // it is cloud-init's
  std::optional<int> exit_status;  // nullopt: it did not end, see `problem`
  std::string output;              // the last that it printed, printable
  std::string problem;             // why there is no exit status; empty: there is one
  double seconds = 0;
};

// Runs the command until it ends or `options.limit` has passed; says every half minute that it still waits, with what
// was printed last. Throws InterruptedError, and SshError where the connection broke: the node may have rebooted, as a
// set-up may ask it to. Throws EvidenceError where the project's own script cannot be read.
NodeSetup WaitUntilSetUp(const RemoteExec& exec, const SetupOptions& options,
                         const std::filesystem::path& remote_directory, const Deadline& deadline,
                         const std::function<void(const std::string&)>& report);

}  // namespace passthrough
