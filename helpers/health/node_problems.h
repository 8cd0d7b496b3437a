// Faults of a node that make its probes lie: they must not be taken for faults of a GPU.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "helpers/health/finding.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"

namespace passthrough {

// The root file system is read-only, as the kernel leaves it after an error of the disk.
Findings ReadOnlyProblems(const IdentityEvidence& identity);

// Less than 1 MiB is free on / or where temporary files go: what the probes print may be cut.
Findings DiskFullProblems(const IdentityEvidence& identity);

// When evidence was collected, by the clock of the machine that the suite runs on: seconds since 1970.
struct CollectionTime {
  int64_t began = 0;
  int64_t ended = 0;
};

// The node's clock is off by more than two minutes.
Findings ClockProblems(const IdentityEvidence& identity, const CollectionTime& collected);

// The node's clock was set by more than two minutes since its boot, as its kernel log shows: what it read
// from the machine's clock then, against what it shows now. For nodes whose clock stood still while they
// were part of a snapshot, so that the time of day proves nothing. None where the log does not say.
Findings ClockJumpProblems(const IdentityEvidence& identity, const KernelLog& log);

// The node's kernel panicked, or its machine began anew without having been shut down, as the log of its
// serial console shows. `path` names that log.
Findings ConsoleProblems(std::string_view console, const std::string& path);

// The kernel met an error of its own (an Oops, a BUG) and went on, as its log shows.
Findings OopsProblems(const KernelLog& log);

// The kernel's watchdogs found a task that hangs, or a processor that was stuck. An emulated processor is late
// without any fault.
Findings StallProblems(const KernelLog& log);

// The node booted again after it had been deployed: it is up for less time than it exists, by more than
// the five minutes that firmware may take before the kernel's clock begins.
Findings UptimeProblems(const IdentityEvidence& identity, double seconds_since_deployed);

}  // namespace passthrough
