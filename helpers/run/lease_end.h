// Who ends what a lease owes, and its end.
#pragma once

#include <filesystem>

#include "helpers/base/deadline.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// Holds an exclusive lock on a run: one process at a time does what its lease owes. It is a file of the user's state
// directory, for the run directory may be deleted meanwhile; it is there while somebody holds it. The constructor waits
// for it, and tells that; without a deadline, for longer than all that the lease owes may take. Throws Error where the
// file cannot be made, TimeoutError with what to do where the other process does not end, InterruptedError: only where
// another one has the lock, and does what is owed.
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

// Nothing is owed any more: removes the lease and takes the run out of the registry. Throws Error.
void EndLease(const RunDirectory& run);

}  // namespace passthrough
