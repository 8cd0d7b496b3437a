// What came of a teardown.
#pragma once

#include <string>
#include <vector>

#include "helpers/rundir/run_directory.h"

namespace passthrough {

// What teardown did, kept as evidence/host/teardown.json. Each text is empty where all was well.
struct TeardownReport {
  std::string destroy_error;            // the deployer's destroy: how it ended, its last lines
  std::string look_error;               // what is left could not be seen in libvirt
  std::vector<std::string> reaped;      // what the deployer left and was removed here, by name
  std::string reap_error;               // what could not be removed
  std::string host_error;               // bringing the host down
  std::vector<std::string> left_alone;  // what has a name of the record's and was not created by this run
  // What failed, a text each, in the order in which it was done.
  std::vector<std::string> Problems() const;
  // True where nothing of the run remains.
  bool NothingRemains() const { return reap_error.empty() && look_error.empty() && host_error.empty(); }
};

// evidence/host/teardown.json. Throws Error.
void WriteTeardownReport(const RunDirectory& run, const TeardownReport& report);
// Whether there is one: of a teardown that ended, or that got as far as the cluster's end.
bool HasTeardownReport(const RunDirectory& run);
// Throws EvidenceError, also where there was no teardown yet.
TeardownReport ReadTeardownReport(const RunDirectory& run);

}  // namespace passthrough
