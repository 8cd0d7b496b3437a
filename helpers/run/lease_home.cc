#include "helpers/run/lease_home.h"

#include <fmt/format.h>

#include <functional>
#include <system_error>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kLease[] = "lease.json";

bool IsCopy(const fs::path& run) {
  std::error_code error;
  const fs::path copies = fs::weakly_canonical(LeaseCopies(), error);  // as a RunDirectory is: $HOME may be a link
  return run.parent_path() == LeaseCopies() || (!error && run.parent_path() == copies);
}

// A run's own name is its time to the second: runs of other log directories may have the same one. That of what is
// kept of a run is the run's.
std::string EntryName(const fs::path& run) {
  if (IsCopy(run)) return run.filename().string();
  return fmt::format("{}-{:016x}", run.filename().string(), std::hash<std::string>()(run.string()));
}

// Whether teardown finds in `run` what it needs beside the lease.
bool IsWhole(const fs::path& run, const fs::path& copy) {
  if (LookFor(run / "run.json") != Presence::kThere) return false;
  const fs::path cluster = fs::path("evidence") / "cluster.yaml";
  return LookFor(run / cluster) == Presence::kThere || LookFor(copy / cluster) != Presence::kThere;
}

// `run` as RunDirectory names it, where it is deleted.
fs::path NameOfDeleted(const fs::path& run) {
  std::error_code error;
  fs::path path = fs::absolute(run, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // a slash at its end
  if (fs::is_symlink(path, error)) path = path.parent_path() / fs::read_symlink(path, error);  // "latest"
  const fs::path itself = fs::weakly_canonical(path, error);
  return error ? path : itself;
}

}  // namespace

Presence LookFor(const fs::path& file) noexcept {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) return Presence::kGone;
  return status.type() == fs::file_type::none ? Presence::kUnknown : Presence::kThere;
}

fs::path RegisteredRuns() { return UserStateDirectory() / "runs"; }
fs::path LeaseCopies() { return UserStateDirectory() / "leases"; }

std::string RegistryName(const RunDirectory& run) { return EntryName(run.path()); }

fs::path LeaseCopyOf(const RunDirectory& run) { return LeaseCopies() / RegistryName(run); }

fs::path LeaseHome(const fs::path& run, const fs::path& copy) {
  return IsWhole(run, copy) || LookFor(copy / kLease) == Presence::kGone ? run : copy;
}

RunDirectory LeaseHome(const RunDirectory& run) {
  const fs::path home = LeaseHome(run.path(), LeaseCopyOf(run));
  return home == run.path() ? run : RunDirectory::Open(home);
}

std::optional<RunDirectory> FindLeaseHome(const fs::path& path) {
  if (path.empty()) return std::nullopt;
  std::error_code error;
  if (fs::exists(path / "run.json", error)) return LeaseHome(RunDirectory::Open(path));
  const fs::path copy = LeaseCopies() / EntryName(NameOfDeleted(path));
  if (LookFor(copy / kLease) == Presence::kGone) return std::nullopt;
  return RunDirectory::Open(copy);
}

bool IsLeased(const fs::path& run) {
  const fs::path copy = LeaseCopies() / EntryName(run);
  // In the order in which EndLease removes them.
  if (LookFor(copy) != Presence::kGone) return LookFor(copy / kLease) != Presence::kGone;
  return LookFor(run / kLease) != Presence::kGone;  // not registered, or by an earlier version
}

Lease ReadRunLease(const RunDirectory& run) {
  const fs::path copy = LeaseCopyOf(run);
  return ReadLease(LookFor(copy) == Presence::kGone ? run.LeaseJson() : copy / kLease);
}

void WriteRunLease(const RunDirectory& run, const Lease& lease) {
  if (!IsLeased(run.path())) {
    throw Error(fmt::format("the lease of {} has ended: the run was taken down while it went on", run.path().string()));
  }
  const fs::path copy = LeaseCopyOf(run);
  const bool registered = LookFor(copy) != Presence::kGone;
  if (registered) WriteLease(copy / kLease, lease);
  // Where the run directory was deleted there is nobody to see it.
  const bool is_seen = !IsCopy(run.path()) && LookFor(run.path()) != Presence::kGone;
  if (!registered || is_seen) WriteLease(run.LeaseJson(), lease);
}

}  // namespace passthrough
