#include "helpers/process/find_program.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "helpers/base/error.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

bool IsExecutableFile(const std::filesystem::path& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::filesystem::path FindIn(const std::string& search_path, const std::string& program) {
  size_t begin = 0;
  while (true) {
    const size_t end = std::min(search_path.find(':', begin), search_path.size());
    const std::filesystem::path directory = search_path.substr(begin, end - begin);
    const auto candidate = std::filesystem::absolute(directory / program);
    if (IsExecutableFile(candidate)) return candidate;
    if (end == search_path.size()) return {};
    begin = end + 1;
  }
}

std::string SearchPath() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

}  // namespace

std::filesystem::path ResolveProgram(const std::string& program, const std::filesystem::path& working_directory,
                                     const std::map<std::string, std::string>& environment) {
  if (program.find('/') == std::string::npos) {
    const auto changed = environment.find("PATH");
    const auto path = changed != environment.end() ? changed->second : SearchPath();
    const auto found = FindIn(path, program);
    if (found.empty()) throw ProcessError(fmt::format("{}: not found in PATH ({})", program, path));
    return found;
  }
  const auto path = std::filesystem::absolute(working_directory / program);
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    throw ProcessError(fmt::format("cannot start {}: {}", path.string(), strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    throw ProcessError(fmt::format("cannot start {}: it is a directory", path.string()));
  }
  if (!IsExecutableFile(path)) {
    throw ProcessError(
        fmt::format("cannot start {}: not an executable file (mode {:04o})", path.string(), status.st_mode & 07777));
  }
  return path;
}

std::filesystem::path FindInPath(const std::string& program) { return FindIn(SearchPath(), program); }

}  // namespace passthrough
