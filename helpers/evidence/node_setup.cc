#include "helpers/evidence/node_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

using Clock = Deadline::Clock;

constexpr std::chrono::seconds kReportAgain{30};
constexpr size_t kMostOutput = 64u << 10;
constexpr int kLinesKept = 12;
constexpr size_t kMostKept = 2000;
constexpr size_t kMostShown = 80;

}  // namespace

NodeSetup WaitUntilSetUp(const RemoteExec& exec, const SetupOptions& options,
                         const std::filesystem::path& remote_directory, const Deadline& deadline,
                         const std::function<void(const std::string&)>& report) {
  NodeSetup setup;
  setup.is_default = options.command.empty();
  setup.command = setup.is_default ? "cloud-init status --wait" : ShellCommand(options.command);
  const std::string script = setup.is_default ? ReadFile(remote_directory / "actions" / "ready.sh") : std::string();
  const Clock::time_point begin = Clock::now();
  Clock::time_point reported = begin;
  std::string printed;
  ExecOptions exec_options;
  exec_options.input = script;
  exec_options.sink = [&](std::string_view bytes) {
    printed += bytes;
    if (printed.size() > kMostOutput) printed.erase(0, printed.size() - kMostOutput);
    if (Clock::now() - reported < kReportAgain) return;
    reported = Clock::now();
    const std::string last = Shortened(Printable(Trim(LastLines(printed, 1))), kMostShown);
    report(fmt::format("waiting for {} since {}{}", setup.command, HumanSeconds(SecondsSince(begin)),
                       last.empty() ? "" : ": " + last));
  };
  // Dots, a million of them, are no reason to end it.
  exec_options.most_output = size_t{1} << 30;
  try {
    // No login shell has to understand the script.
    const ExecResult result =
        exec(setup.is_default ? "exec sh -s" : setup.command, exec_options, deadline.OrAfter(options.limit));
    if (result.exit_status >= 0) {
      setup.exit_status = result.exit_status;
    } else {
      setup.problem = result.exit_signal.empty() ? "it ended without an exit status"
                                                 : "it was ended by signal " + Printable(result.exit_signal);
    }
    printed += result.error_output;
  } catch (const InterruptedError&) {
    throw;
  } catch (const TimeoutError&) {
    setup.problem = fmt::format("it had not ended after {}", HumanSeconds(SecondsSince(begin)));
  }
  setup.seconds = SecondsSince(begin);
  setup.output = Shortened(Printable(Trim(LastLines(printed, kLinesKept))), kMostKept);
  return setup;
}

}  // namespace passthrough
