// Who takes down what a run made.
#pragma once

#include <filesystem>
#include <optional>

#include "helpers/base/deadline.h"
#include "helpers/base/file_lock.h"
#include "helpers/rundir/progress.h"
#include "helpers/rundir/run_directory.h"

namespace passthrough {

// Holds an exclusive lock on a run: one process at a time takes it down. It is a file beside the registry's
// copy of the record, for the run directory may be deleted meanwhile and the disk may be full; of a run that is not
// registered, one that is there while somebody holds it. The constructor waits for it, and reports that; without a
// deadline, for longer than all of the teardown may take. Throws Error where nothing can be locked, TimeoutError
// with what to do where the other process does not end, InterruptedError: only where another one has the lock, and
// takes it down.
class TeardownLock {
 public:
  TeardownLock(const RunDirectory& run, Progress& progress);
  TeardownLock(const RunDirectory& run, Progress& progress, const Deadline& deadline);
  ~TeardownLock();
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  std::filesystem::path file_;
  std::optional<FileLock> lock_;
};

}  // namespace passthrough
