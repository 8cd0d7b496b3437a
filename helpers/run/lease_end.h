// Who ends what a lease owes, and its end.
#pragma once

#include <filesystem>

#include "helpers/base/deadline.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// Holds an exclusive lock on a run: one process at a time does what its lease owes. It is a file beside the registry's
// copy of the lease, for the run directory may be deleted meanwhile and the disk may be full; of a run that is not
// registered, one that is there while somebody holds it. The constructor waits for it, and tells that; without a
// deadline, for longer than all that the lease owes may take. Throws Error where nothing can be locked, TimeoutError with
// what to do where the other process does not end, InterruptedError: only where another one has the lock, and does what
// is owed.
class TeardownLock {
 public:
  TeardownLock(const RunDirectory& run, Progress& progress);
  TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline);
  ~TeardownLock();
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  std::filesystem::path file_;
  int fd_ = -1;
};

// Nothing is owed any more: ends the lease and takes the run out of the registry. Whoever is killed meanwhile leaves
// what is owed still, or has ended. Throws Error.
void EndLease(const RunDirectory& run);

}  // namespace passthrough
