#include "helpers/disruption/reboot.h"

#include <fmt/format.h>

#include "helpers/base/deadline.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

constexpr size_t kMostConsole = 64u << 10;
constexpr int kConsoleLines = 6;

Deadline Query() { return Deadline::After(kQueryLimit); }

std::string DomainStateInWords(LiveDomain& domain) {
  try {
    return fmt::format("libvirt says that domain {} is {}", domain.name(), domain.State(Query()).value_or("gone"));
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  }
}

std::string LastOfConsole(LiveDomain& domain) {
  try {
    const auto console = domain.ConsoleLog(kMostConsole, Query());
    return console ? Printable(LastLines(*console, kConsoleLines)) : std::string();
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error&) {
    return {};
  }
}

void AskToReboot(VerifiedNode& node, const DisruptionLimits& limits) {
  const ExecResult result = node.Connect()->Run("reboot", {}, Deadline::After(limits.action));
  if (result.exit_status == 0) return;
  throw Error(fmt::format("the node does not reboot: exit status {}: {}", result.exit_status, LastErrorLines(result)));
}

// Returns the new boot id. Throws Error where waiting is of no use, or too long.
std::string WaitUntilItIsBack(const RebootContext& context, const std::string& before) {
  return WaitFor(Deadline::After(context.limits.Reboot()), "waiting for the node to come back",
                 [&](std::string* cause) -> std::optional<std::string> {
                   const std::string now = context.node.TryBootId(before, cause);
                   if (!now.empty() && now != before) return now;
                   if (!now.empty()) *cause = "it answers, and has not rebooted: its boot id is the old one";
                   const std::string state = context.domain.State(Query()).value_or("gone");
                   if (state == "shut off" || state == "crashed" || state == "gone") {
                     throw Error("there is no use in waiting for it");
                   }
                   if (!now.empty()) return std::nullopt;
                   if (const auto moved = context.node.FollowAddress(context.subnet)) {
                     context.report(fmt::format("has a new address: {}", *moved));
                   }
                   return std::nullopt;
                 });
}

}  // namespace

void RebootNode(const RebootContext& context, DisruptionStep& step) {
  step.boot_id_before = context.node.BootId();
  context.report("rebooting");
  AskToReboot(context.node, context.limits);
  const auto begin = Deadline::Clock::now();
  try {
    step.boot_id_after = WaitUntilItIsBack(context, step.boot_id_before);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    const double waited = SecondsSince(begin);
    step.console = LastOfConsole(context.domain);
    throw NodeLostError(fmt::format("it did not come back within {} after it was asked to reboot; {}; {}",
                                    HumanSeconds(waited), DomainStateInWords(context.domain), error.what()));
  }
  context.report("is back");
}

}  // namespace passthrough
