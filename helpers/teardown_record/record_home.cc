#include "helpers/teardown_record/record_home.h"

#include <fmt/format.h>

#include <system_error>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/short_hash.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kRecordFile[] = "teardown-record.json";

bool IsCopy(const fs::path& run) {
  std::error_code error;
  const fs::path copies = fs::weakly_canonical(RecordCopies(), error);  // as a RunDirectory is: $HOME may be a link
  return run.parent_path() == RecordCopies() || (!error && run.parent_path() == copies);
}

// Whether teardown finds in `run` what it needs beside the record.
bool IsWhole(const fs::path& run, const fs::path& copy) {
  if (StatFile(run / "run.json") != FileStatus::kThere) return false;
  const fs::path cluster = fs::path("evidence") / "cluster.yaml";
  return StatFile(run / cluster) == FileStatus::kThere || StatFile(copy / cluster) != FileStatus::kThere;
}

// `run` as RunDirectory names it, where it is deleted.
fs::path NameOfDeleted(const fs::path& run) {
  std::error_code error;
  fs::path path = fs::absolute(run, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();                                         // a slash at its end
  if (fs::is_symlink(path, error)) path = path.parent_path() / fs::read_symlink(path, error);  // "latest"
  const fs::path itself = fs::weakly_canonical(path, error);
  return error ? path : itself;
}

}  // namespace

FileStatus StatFile(const fs::path& file) noexcept {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) return FileStatus::kGone;
  return status.type() == fs::file_type::none ? FileStatus::kUnknown : FileStatus::kThere;
}

fs::path RegisteredRuns() { return UserStateDirectory() / "runs"; }
fs::path RecordCopies() { return UserStateDirectory() / "records"; }

// A run's own name is its time to the second: runs of other log directories may have the same one. The guard and a
// later suite, which may be another build, look for the same name. That of what is kept of a run is the run's.
std::string RegistryName(const fs::path& run) {
  if (IsCopy(run)) return run.filename().string();
  return run.filename().string() + "-" + ShortHash(run.string());
}

fs::path RecordCopyOf(const RunDirectory& run) { return RecordCopies() / RegistryName(run.path()); }

fs::path RecordHome(const fs::path& run, const fs::path& copy) {
  return IsWhole(run, copy) || StatFile(copy / kRecordFile) == FileStatus::kGone ? run : copy;
}

RunDirectory RecordHome(const RunDirectory& run) {
  const fs::path home = RecordHome(run.path(), RecordCopyOf(run));
  return home == run.path() ? run : RunDirectory::Open(home);
}

std::optional<RunDirectory> FindRecordHome(const fs::path& path) {
  if (path.empty()) return std::nullopt;
  std::error_code error;
  if (fs::exists(path / "run.json", error)) return RecordHome(RunDirectory::Open(path));
  const fs::path copy = RecordCopies() / RegistryName(NameOfDeleted(path));
  if (StatFile(copy / kRecordFile) == FileStatus::kGone) return std::nullopt;
  return RunDirectory::Open(copy);
}

bool IsTeardownPending(const fs::path& run) {
  return StatFile(RecordCopies() / RegistryName(run) / kRecordFile) != FileStatus::kGone;
}

TeardownRecord ReadRecordOf(const RunDirectory& run) { return ReadTeardownRecord(RecordCopyOf(run) / kRecordFile); }

void RequireRegistered(const RunDirectory& run) {
  if (IsTeardownPending(run.path()) || StatFile(run.TeardownRecordJson()) == FileStatus::kGone) return;
  throw Error(fmt::format(
      "{} is not a run of this user on this machine: the commands in it are not run, and nothing was removed. The user "
      "who started it can: {} on the machine where it was. From anywhere, what it made is removed through libvirt: {}",
      run.path().string(), SuiteCommand({"--destroy", run.path().string()}),
      SuiteCommand({"--reap", "--connect", "URI"})));
}

void UpdateRecordOf(const RunDirectory& run, const TeardownRecord& record) {
  if (!IsTeardownPending(run.path())) {
    throw Error(
        fmt::format("the record of {} has ended: the run was taken down while it went on", run.path().string()));
  }
  WriteTeardownRecord(RecordCopyOf(run) / kRecordFile, record);
  // Where the run directory was deleted there is nobody to see it.
  const bool is_seen = !IsCopy(run.path()) && StatFile(run.path()) != FileStatus::kGone;
  if (is_seen) WriteTeardownRecord(run.TeardownRecordJson(), record);
}

}  // namespace passthrough
