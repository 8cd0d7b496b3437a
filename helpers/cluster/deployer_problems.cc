#include "helpers/cluster/deployer_problems.h"

#include <fmt/format.h>

#include <set>

#include "helpers/base/text.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

std::string HowToGet(const std::string& program) {
  if (program == "uv" || program == "ai-how") {
    return "install uv (https://docs.astral.sh/uv/) and ai-how and run from ai-how's project, or use "
           "this project's own deployer: --profile host-own-deployer";
  }
  return "install it, or name another deployer in the profile";
}

}  // namespace

std::optional<std::string> AiHowProblem(const std::string& program, const std::filesystem::path& directory) {
  if (std::filesystem::path(program).filename() != "ai-how.sh") return std::nullopt;
  std::error_code ignored;
  const bool has_venv = std::filesystem::exists(directory / ".venv" / "bin" / "ai-how", ignored);
  if (has_venv || !FindInPath("ai-how").empty() || !FindInPath("uv").empty()) return std::nullopt;
  return "the deployer ai-how is not there: neither uv nor ai-how is in PATH. Install uv (https://docs.astral.sh/uv/) "
         "and run from ai-how's project, or use this project's own deployer: --profile host-own-deployer";
}

std::vector<std::string> DeployerProblems(const Profile& profile) {
  std::vector<std::string> problems;
  std::set<std::string> programs;
  for (const auto& argv : profile.deployer.create) programs.insert(argv.front());
  for (const auto& argv : profile.deployer.destroy) programs.insert(argv.front());
  for (const std::string& program : programs) {
    if (!FindInPath(program).empty()) {
      const auto problem = AiHowProblem(program, profile.deployer.working_directory);
      if (problem) problems.push_back(*problem);
      continue;
    }
    problems.push_back(fmt::format("the deployer {} is not there: {}", program, HowToGet(program)));
  }
  return problems;
}

std::string HintForFailedDeployer(const std::vector<std::string>& argv, const std::string& output) {
  const bool through_uv = argv.size() > 2 && std::filesystem::path(argv[0]).filename() == "uv" && argv[1] == "run";
  // uv's words where there is no such program in the project's environment.
  if (!through_uv || output.find("Failed to spawn") == std::string::npos) return {};
  return fmt::format("\n{} is not there: {}", Printable(argv[2]), HowToGet(argv[2]));
}

}  // namespace passthrough
