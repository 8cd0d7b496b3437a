#include "helpers/base/install_paths.h"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kProject[] = "pcie-passthrough-suite";

// The value of an environment variable; empty where it is not set.
std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path ProgramDirectory() { return fs::read_symlink("/proc/self/exe").parent_path(); }

}  // namespace

fs::path DataDirectory() {
  const fs::path expected = ProgramDirectory().parent_path() / "share" / kProject;
  std::error_code error;
  fs::path found = fs::canonical(expected, error);
  if (error) {
    throw Error(fmt::format("{}: {}; configs/, remote/ and lab/ of this installation are expected there",
                            expected.string(), error.message()));
  }
  return found;
}

fs::path NodeProgramDirectory() { return ProgramDirectory().parent_path() / "libexec" / kProject; }

fs::path SiblingProgram(const std::string& name) { return ProgramDirectory() / name; }

fs::path DefaultLabDirectory() {
  if (const std::string named = Environment("PASSTHROUGH_LAB_DIR"); !named.empty()) return named;
  const std::string state = Environment("XDG_STATE_HOME");
  const fs::path base = state.empty() ? ExpandHome("~/.local/state") : fs::path(state);
  return base / kProject / "labs" / "default";
}

}  // namespace passthrough
