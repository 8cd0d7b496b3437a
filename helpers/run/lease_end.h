// Who ends what a lease owes, and its end.
#pragma once

#include <chrono>

#include "helpers/base/deadline.h"
#include "helpers/run/progress.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// For another process to do what a lease owes: longer than the deployer's destroy, the host's and GPUs take.
inline constexpr std::chrono::minutes kTeardownLockLimit{10};

// Holds an exclusive lock on the run directory: one process at a time does what its lease owes. The constructor
// waits for it, and tells that. Throws Error where the directory cannot be opened, TimeoutError with what to do where
// the other process does not end, InterruptedError: only where another one has the lock, and does what is owed.
class TeardownLock {
 public:
  TeardownLock(const RunDirectory& run, Progress& progress,
               const Deadline& deadline = Deadline::After(kTeardownLockLimit));
  ~TeardownLock();
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  int fd_;
};

// Nothing is owed any more: removes the lease and takes the run out of the registry. Throws Error.
void EndLease(const RunDirectory& run);

}  // namespace passthrough
