// Where the teardown record of a run is: with the registry, in a copy of what teardown needs, which outlives the run
// directory. (A CI job's checkout is cleaned before the next job, and its run directories with it.) That copy alone
// says whether the teardown of a registered run is pending; teardown-record.json in the run directory is there for
// people to see.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "helpers/rundir/run_directory.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

// What can be said of a file. That it cannot be read does not say that it is gone: a server may be away, or a
// directory closed, for a while.
enum class FileStatus { kThere, kGone, kUnknown };
FileStatus StatFile(const std::filesystem::path& file) noexcept;

// Of this user: a symbolic link to each registered run, and what is kept of each, under the same name.
std::filesystem::path RegisteredRuns();
std::filesystem::path RecordCopies();

// The name under which `run`, or what is kept of it, is known: one file name, the same for both.
std::string RegistryName(const std::filesystem::path& run);
// The directory of what is kept of `run`, also where there is none. It is there from before the run is registered
// until its record is closed.
std::filesystem::path RecordCopyOf(const RunDirectory& run);

// Of a run directory and what is kept of it: from where it is to be taken down.
std::filesystem::path RecordHome(const std::filesystem::path& run, const std::filesystem::path& copy);
// The file in it whose lock TeardownLock holds.
inline constexpr char kLockFile[] = "lock";

// From where `run` is to be taken down: the run directory, or, where that was deleted, be it in part, or cannot be
// read, what is kept of it, which is a run directory, too. `run` itself where nothing is pending. Throws Error.
RunDirectory RecordHome(const RunDirectory& run);
// The same for the path of a run, which may be deleted, or a link to it; nullopt where there is no run, nor anything
// kept of one.
std::optional<RunDirectory> FindRecordHome(const std::filesystem::path& path);

// Whether the teardown of `run` is pending; true also where that cannot be seen. Throws Error only where the user has
// no home.
bool IsTeardownPending(const std::filesystem::path& run);
// Throws Error where `run` has a teardown record and this user did not register it: nobody runs the commands in it.
void RequireRegistered(const RunDirectory& run);
// Its teardown record, of the registry alone: whoever writes a file into a run directory names no commands. Throws
// Error.
TeardownRecord ReadRecordOf(const RunDirectory& run);
// Replaces the record of a run. On the disk when it returns. Throws Error, also where nothing is pending any
// more.
void UpdateRecordOf(const RunDirectory& run, const TeardownRecord& record);

}  // namespace passthrough
