// Actions: scripts of remote/actions/, the only way in which a node is changed. A script is sent along and run with
// arguments, as it stands in the project: nothing is put together in C++.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/ssh/remote_exec.h"

namespace passthrough {

enum class ActionUser {
  kLogin,  // who logged in
  kRoot    // root, by sudo -n where who logged in is another
};

// What one action sends to a node.
struct Action {
  std::string name;     // for messages
  std::string command;  // for the shell of whoever logs in
  std::string archive;  // its stdin: all of remote/actions/, so that an action may use another one beside it
};

// `name`: of a script below remote/actions/ without ".sh", in folders where it is a maker's: "rescan",
// "nvidia/release". Names have lower-case letters, digits and '_'; each of the `arguments` has letters, digits and
// ":._=/-", at most 128: PCI addresses, numbers and words. The script finds itself as $0, and what is beside it below
// ${0%/*}. Its stdin is what is left of the archive, that is nothing. Throws EvidenceError where a name or an argument
// is none, or where a file cannot be read or packed.
Action MakeAction(const std::filesystem::path& remote_directory, const std::string& name,
                  const std::vector<std::string>& arguments = {}, ActionUser user = ActionUser::kRoot);

// Runs it and waits. The result is the script's, or that of a sudo that refused (exit status 1). Throws EvidenceError
// where the script did not get onto the node (no directory could be made, or nothing unpacked there), and as `exec`
// does. At `deadline` the script may go on: a process that hangs in the kernel cannot be ended.
ExecResult RunAction(const RemoteExec& exec, const Action& action, const Deadline& deadline);

}  // namespace passthrough
