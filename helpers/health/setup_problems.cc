#include "helpers/health/setup_problems.h"

#include <fmt/format.h>

namespace passthrough {
namespace {

constexpr int kRecovered = 2;  // since 23.4; https://docs.cloud-init.io, "Why did cloud-init status start returning 2?"
constexpr int kFailed = 1;

std::string Said(const SetupOutcome& outcome) { return outcome.output.empty() ? "" : ", and says: " + outcome.output; }

}  // namespace

Findings SetupProblems(const SetupOutcome& outcome, bool attached, const std::string& where) {
  if (outcome.command.empty() || outcome.exit_status == 0) return {};
  Finding finding{.found = {}, .where = where, .advice = {}};
  const std::string ended =
      outcome.exit_status ? fmt::format("ended with exit status {}", *outcome.exit_status) : outcome.problem;
  if (!outcome.is_cloud_init) {
    finding.found = fmt::format("the command that says when the node is set up (ready of the profile), {}: {}{}",
                                outcome.command, ended, Said(outcome));
    finding.advice =
        "What was collected may be from before that: run the command on the node, and see "
        "time_limits.ready of the profile.";
    return {finding};
  }
  if (outcome.exit_status == kRecovered) {
    finding.found = "cloud-init is done, and met errors from which it recovered" + Said(outcome);
    finding.advice = "cloud-init status --long on the node has all of them.";
    finding.note = true;
  } else if (outcome.exit_status == kFailed) {
    finding.found = "cloud-init failed to set the node up" + Said(outcome);
    finding.advice = "Read /var/log/cloud-init.log and cloud-init-output.log on the node.";
    finding.note = attached;
  } else if (outcome.exit_status) {
    finding.found = fmt::format("whether cloud-init has set the node up is not known: {} {}{}", outcome.command, ended,
                                Said(outcome));
    finding.advice = "Run it on the node.";
    finding.note = true;
  } else {
    finding.found = fmt::format("cloud-init does not end to set the node up: {}{}", ended, Said(outcome));
    finding.advice =
        "What was collected may be from before that: read /var/log/cloud-init-output.log on the node, and see "
        "time_limits.ready of the profile.";
    finding.note = attached;
  }
  return {finding};
}

}  // namespace passthrough
