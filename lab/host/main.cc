// passthrough-lab: a GPU host in a virtual machine, and the deployer of its clusters.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "helpers/base/descriptor_limit.h"
#include "helpers/base/interruption.h"
#include "lab/host/commands.h"

namespace passthrough {
namespace {

void InstallSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { RequestInterruption(signal); };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  // A connection or a pipe that breaks is an error where it is used.
  signal(SIGPIPE, SIG_IGN);
}

// Of `status`, 1 means "down": who asks must not take a typing error for that.
constexpr int kStatusUnknown = 2;

CommandLine Read(const std::vector<std::string>& words) {
  try {
    return ReadCommandLine(LabCommandRule(), words);
  } catch (const UsageError& error) {
    if (words.empty() || words[0] != "status") throw;
    fmt::print(stderr, "passthrough-lab: {}\n", error.what());
    std::exit(kStatusUnknown);
  }
}

int Run(const std::vector<std::string>& words) {
  const CommandLine line = Read(words);
  if (line.help) {
    fmt::print("{}", HelpText(LabCommandRule(), line.command));
    return 0;
  }
  const auto command = std::find_if(Commands().begin(), Commands().end(),
                                    [&](const Command& known) { return known.rule.name == line.command; });
  return command->run(line);
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) {
  passthrough::InstallSignalHandlers();
  passthrough::RaiseDescriptorLimit();
  try {
    return passthrough::Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "passthrough-lab: {}\n", error.what());
    return 1;
  }
}
