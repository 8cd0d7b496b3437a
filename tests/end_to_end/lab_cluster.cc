#include "tests/end_to_end/lab_cluster.h"

#include <fmt/format.h>
#include <signal.h>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

Deadline Limit() { return Deadline::After(std::chrono::minutes(10)); }

}  // namespace

TestLab::TestLab(std::filesystem::path config) : config_(std::move(config)) {}

// Also after an interruption.
TestLab::~TestLab() {
  try {
    RunChild({LabProgramOfTests().string(), "down", "--lab-dir", directory_.path().string()}, {},
             Limit().Uninterruptible());
  } catch (const std::exception& error) {
    fmt::print(stderr, "a lab may still run in {}: {}\n", directory_.path().string(), error.what());
  }
}

ChildResult TestLab::Lab(const std::string& verb, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{LabProgramOfTests().string(), verb, "--lab-dir", directory_.path().string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunChild(argv, {}, Limit());
}

std::string TestLab::MustLab(const std::string& verb, const std::vector<std::string>& arguments) {
  const ChildResult result = Lab(verb, arguments);
  if (result.Succeeded()) return result.output;
  throw Error(fmt::format("passthrough-lab {} {}: {}\n{}", verb, fmt::join(arguments, " "), result.HowItEnded(),
                          result.output));
}

std::string TestLab::MustRunOn(const std::string& node, const std::vector<std::string>& command) {
  std::vector<std::string> arguments;
  if (!node.empty()) arguments.push_back(node);
  arguments.push_back("--");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return MustLab("ssh", arguments);
}

ChildResult TestLab::Suite(const std::vector<std::string>& arguments, const std::string& kill_at) {
  std::vector<std::string> argv{SuiteProgram().string()};
  // What takes something down has all of this from the run that made it, and refuses it.
  if (arguments.empty() || (arguments[0] != "--destroy" && arguments[0] != "--reap")) {
    argv.insert(argv.end(), {"--config", config_.string(), "--lab-dir", directory_.path().string(), "--log-dir",
                             Path("logs").string()});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  ChildOptions options;
  pid_t suite = 0;
  options.on_start = [&](int pid) { suite = pid; };
  options.on_line = [&](std::string_view line) {
    if (!kill_at.empty() && line.find(kill_at) != std::string_view::npos) kill(suite, SIGKILL);
  };
  return RunChild(argv, options, Limit());
}

Profile TestLab::LabProfile() const {
  const Profile file = ReadProfileFile("lab", {{"config", config_.string()},
                                               {"lab", LabProgramOfTests().string()},
                                               {"lab_dir", directory_.path().string()},
                                               {"source", PASSTHROUGH_SOURCE_DIR}});
  return ResolveProfile(file, HostFacts::kRequired);
}

LibvirtConnection TestLab::Libvirt() { return LibvirtConnection::Open(LabProfile().libvirt_uri, Limit()); }

}  // namespace passthrough
