// How one run is to be done.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "helpers/cluster/node_source.h"
#include "helpers/config/plan.h"
#include "helpers/config/profile.h"
#include "helpers/rundir/run_record.h"

namespace passthrough {

struct RunSettings {
  Plan plan;
  Profile profile;                          // as ReadProfileFile() returns it
  std::filesystem::path remote_directory;   // the project's remote/
  std::filesystem::path program_directory;  // what is built here for the probes
  RunMode mode = RunMode::kDirect;
  std::string target;         // a node's name: evidence is collected from this one only; empty: all
  bool keep_cluster = false;  // --no-cleanup
  std::string filter = "*";   // which checks were asked for, as GoogleTest has it
  bool disruptive = false;    // --disruptive
  int reboots = 0;            // --cycles
  pid_t watched = 0;          // the process whose end means that nobody will tear down but the guard
  // Makes what finds the nodes, of the profile as it is once the host is up; empty: its libvirt.
  std::function<std::unique_ptr<NodeSource>(const Profile&)> node_source;

  // Whether `node` is one that evidence is collected from.
  bool Wants(const std::string& node) const { return target.empty() || node == target; }
};

}  // namespace passthrough
