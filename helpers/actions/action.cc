#include "helpers/actions/action.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "helpers/actions/script_archive.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLowerCase = "abcdefghijklmnopqrstuvwxyz0123456789_";
constexpr std::string_view kOfArguments = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._=/-";
constexpr size_t kMostArgument = 128;

bool IsOf(std::string_view text, std::string_view alphabet) {
  return !text.empty() && text.size() <= kMostArgument && text.find_first_not_of(alphabet) == std::string_view::npos;
}

void CheckName(const std::string& name) {
  const fs::path path(name);
  const bool fits = !name.empty() && std::all_of(path.begin(), path.end(),
                                                 [](const fs::path& part) { return IsOf(part.string(), kLowerCase); });
  if (!fits) throw EvidenceError(fmt::format("\"{}\" is no action's name", Printable(name)));
}

// Folders before what is in them.
std::string ArchiveOf(const fs::path& remote_directory) {
  std::map<fs::path, bool> paths;  // whether it is a folder
  try {
    for (const auto& entry : fs::recursive_directory_iterator(remote_directory / "actions")) {
      if (entry.is_directory() || entry.path().extension() == ".sh") paths[entry.path()] = entry.is_directory();
    }
  } catch (const fs::filesystem_error& error) {
    throw EvidenceError(fmt::format("cannot list the actions: {}", error.what()));
  }
  ScriptArchive archive;
  archive.AddDirectory("actions");
  for (const auto& [path, is_folder] : paths) {
    const std::string name = path.lexically_relative(remote_directory).string();
    if (is_folder) {
      archive.AddDirectory(name);
    } else {
      archive.AddFile(name, ReadFile(path));
    }
  }
  return archive.Take();
}

}  // namespace

Action MakeAction(const fs::path& remote_directory, const std::string& name, const std::vector<std::string>& arguments,
                  ActionUser user) {
  CheckName(name);
  const std::string script = "actions/" + name + ".sh";
  std::error_code error;
  if (!fs::is_regular_file(remote_directory / script, error)) {
    throw EvidenceError(
        fmt::format("there is no action {}: {} is missing", name, (remote_directory / script).string()));
  }
  std::string run = fmt::format("sh \"$d/{}\"", script);
  for (const std::string& argument : arguments) {
    if (!IsOf(argument, kOfArguments)) {
      throw EvidenceError(fmt::format("\"{}\" is no argument for action {}", Printable(argument), name));
    }
    run += " " + argument;
  }
  if (user == ActionUser::kRoot) {
    run = "if [ \"$(id -u)\" = 0 ]; then as=; else as=\"sudo -n\"; fi; $as env PATH=\"$PATH:/usr/sbin:/sbin\" " + run;
  }
  return {name, UnpackAndRun(run), ArchiveOf(remote_directory)};
}

ExecResult RunAction(const RemoteExec& exec, const Action& action, const Deadline& deadline) {
  ExecOptions options;
  options.input = action.archive;
  ExecResult result = exec(action.command, options, deadline);
  if (result.exit_status != kNoDirectory && result.exit_status != kNotUnpacked) return result;
  throw EvidenceError(fmt::format("cannot run {} on the node: {}: {}", action.name,
                                  result.exit_status == kNoDirectory ? "no directory can be made in /tmp nor /dev/shm"
                                                                     : "its script cannot be unpacked",
                                  Printable(Trim(LastLines(result.error_output, 2)))));
}

}  // namespace passthrough
