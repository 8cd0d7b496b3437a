#include "helpers/rundir/run_directory.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// Makes "run-<now>", or "run-<now>-2" and so on where another run began in the same second.
fs::path MakeNewDirectory(const fs::path& log_directory) {
  const std::string base = fmt::format("run-{:%Y-%m-%d_%H-%M-%S}", fmt::localtime(std::time(nullptr)));
  for (int number = 1; number < 1000; ++number) {
    const fs::path path = log_directory / (number == 1 ? base : fmt::format("{}-{}", base, number));
    if (mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) {
      throw Error(fmt::format("cannot create {}: {}", path.string(), strerror(errno)));
    }
  }
  throw Error(fmt::format("cannot create a run directory in {}: all names are taken", log_directory.string()));
}

// Replaces logs/latest in one step, so that it always points to some run.
void PointLatestTo(const fs::path& run) {
  const fs::path temporary = run.parent_path() / fmt::format(".latest-{}", getpid());
  std::error_code error;
  fs::remove(temporary, error);
  fs::create_symlink(run.filename(), temporary);
  fs::rename(temporary, run.parent_path() / "latest");
}

}  // namespace

RunDirectory RunDirectory::Create(const fs::path& log_directory) {
  try {
    fs::create_directories(log_directory);
    const fs::path logs = fs::canonical(log_directory);
    const fs::path run = MakeNewDirectory(logs);
    fs::create_directories(run / "evidence" / "host");
    PointLatestTo(run);
    return RunDirectory(run);
  } catch (const fs::filesystem_error& error) {
    throw Error(fmt::format("cannot create a run directory in {}: {}. Give another: --log-dir DIR",
                            log_directory.string(), error.code().message()));
  }
}

RunDirectory RunDirectory::Open(const fs::path& path) {
  std::error_code error;
  const fs::path itself = fs::weakly_canonical(path, error);  // "latest" is a link: one run has one name
  const RunDirectory run(error ? fs::absolute(path) : itself);
  const bool is_there = fs::exists(run.RunJson(), error);
  if (error) throw Error(fmt::format("{} cannot be read: {}", run.RunJson().string(), error.message()));
  if (!is_there) {
    throw Error(fmt::format("{} is not a run directory: there is no {}", path.string(), run.RunJson().string()));
  }
  return run;
}

std::string RunDirectory::Relative(const fs::path& file) const { return file.lexically_relative(path_).string(); }

}  // namespace passthrough
