// Taking down what a lease names. Done by the run itself, by ctest's cluster.destroy or by the guard.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "helpers/run/lease.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// What teardown did, kept as evidence/host/teardown.json. Each text is empty where all was well.
struct TeardownReport {
  std::string destroy_error;        // the deployer's destroy: how it ended, its last lines
  std::string look_error;           // libvirt could not be looked at afterwards
  std::vector<std::string> reaped;  // what the deployer left and was removed here, by name
  std::string reap_error;           // what could not be removed
  std::string host_error;           // bringing the host down
  std::vector<std::string> left_alone;  // what has a name of the lease's and was made by somebody else
  // True where nothing of the run remains.
  bool NothingRemains() const { return reap_error.empty() && look_error.empty() && host_error.empty(); }
};

// Runs the deployer's destroy (once more where libvirt was away and comes back), looks at the host
// (evidence/host/after.json), removes through libvirt what the lease names and is still there, brings
// the host down where it is ours, and removes the lease unless something remains. Where an object has
// a name of the lease's and is not what the run made, the deployer's destroy, which goes by names, is
// not run. What it cannot write down, on a full disk, it does all the same. A libvirt that does not answer for
// `connect_limit` is waited for, as one that is restarted. One process at a time (a lock on the run); where another did
// it meanwhile, returns its report. Never interrupted but while another has the lock. Throws Error only where the run
// directory cannot be read, written or locked.
TeardownReport TearDown(const RunDirectory& run, Progress& progress,
                        std::chrono::seconds connect_limit = std::chrono::seconds(30));

// Throws EvidenceError, also where there was no teardown yet.
TeardownReport ReadTeardownReport(const RunDirectory& run);

}  // namespace passthrough
