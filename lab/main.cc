// passthrough-lab: a GPU host in a virtual machine, and the deployer of its clusters.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "helpers/base/interruption.h"
#include "lab/commands.h"

namespace passthrough {
namespace {

constexpr char kOverview[] = R"(Usage: passthrough-lab COMMAND [OPTIONS...]

A lab is a GPU host in a virtual machine, with emulated devices and a stub driver, on any machine.
Several can be up at once, each in a directory of its own: --lab-dir, $PASSTHROUGH_LAB_DIR, or
~/.local/state/pcie-passthrough-suite/labs/default.

)";

void InstallSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { RequestInterruption(signal); };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  // A connection or a pipe that breaks is an error where it is used.
  signal(SIGPIPE, SIG_IGN);
}

int Overview() {
  fmt::print("{}", kOverview);
  for (const Command& command : Commands()) {
    const std::string& help = command.rule.help;
    fmt::print("  {:<10} {}\n", command.rule.name, help.substr(0, help.find_first_of(".:;")));
  }
  fmt::print("\npassthrough-lab COMMAND --help tells more.\n");
  return 0;
}

int Run(const std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("no command (see passthrough-lab --help)");
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") return Overview();
  for (const Command& command : Commands()) {
    if (command.rule.name != words[0]) continue;
    const CommandLine line = ParseCommandLine(command.rule, {words.begin() + 1, words.end()});
    if (!line.help) return command.run(line);
    fmt::print("{}", HelpText(command.rule));
    return 0;
  }
  throw UsageError(fmt::format("unknown command {} (see passthrough-lab --help)", words[0]));
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) {
  passthrough::InstallSignalHandlers();
  try {
    return passthrough::Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "passthrough-lab: {}\n", error.what());
    return 1;
  }
}
