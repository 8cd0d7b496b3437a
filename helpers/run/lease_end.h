// Who ends what a lease owes, and its end.
#pragma once

#include "helpers/run/run_directory.h"

namespace passthrough {

// Holds an exclusive lock on the run directory: one process at a time does what its lease owes. The constructor
// waits for it and throws Error where the directory cannot be opened.
class TeardownLock {
 public:
  explicit TeardownLock(const RunDirectory& run);
  ~TeardownLock();
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  int fd_;
};

// Nothing is owed any more: removes the lease and takes the run out of the registry. Throws Error.
void EndLease(const RunDirectory& run);

}  // namespace passthrough
