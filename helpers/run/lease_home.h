// Where what a run owes is written down: with the registry, in a copy of what teardown needs, which outlives the run
// directory. (A CI job's checkout is cleaned before the next job, and its run directories with it.) That copy alone
// says whether a registered run owes something; lease.json in the run directory is there for people to see.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "helpers/run/lease.h"
#include "helpers/run/run_directory.h"

namespace passthrough {

// What can be said of a file. That it cannot be looked at does not say that it is gone: a server may be away, or a
// directory closed, for a while.
enum class Presence { kThere, kGone, kUnknown };
Presence LookFor(const std::filesystem::path& file) noexcept;

// Of this user: a symbolic link to each registered run, and what is kept of each, under the same name.
std::filesystem::path RegisteredRuns();
std::filesystem::path LeaseCopies();

// The name under which `run`, or what is kept of it, is known: one file name, the same for both.
std::string RegistryName(const RunDirectory& run);
// The directory of what is kept of `run`, also where there is none. It is there from before the run is registered
// until its lease ended.
std::filesystem::path LeaseCopyOf(const RunDirectory& run);

// Of a run directory and what is kept of it: from where it is to be taken down.
std::filesystem::path LeaseHome(const std::filesystem::path& run, const std::filesystem::path& copy);
// The file in it whose lock TeardownLock holds.
inline constexpr char kLockFile[] = "lock";

// From where `run` is to be taken down: the run directory, or, where that was deleted, be it in part, or cannot be
// looked at, what is kept of it, which is a run directory, too. `run` itself where nothing is owed. Throws Error.
RunDirectory LeaseHome(const RunDirectory& run);
// The same for the path of a run, which may be deleted, or a link to it; nullopt where there is no run, nor anything
// kept of one.
std::optional<RunDirectory> FindLeaseHome(const std::filesystem::path& path);

// Whether `run` owes something; true also where that cannot be seen. Throws Error only where the user has no home.
bool IsLeased(const std::filesystem::path& run);
// What it owes. Throws Error.
Lease ReadRunLease(const RunDirectory& run);
// Changes what a run owes, that has a lease. On the disk when it returns. Throws Error, also where it owes nothing any
// more.
void WriteRunLease(const RunDirectory& run, const Lease& lease);

}  // namespace passthrough
