#include "helpers/run/host_phase.h"

#include <fmt/format.h>

#include "helpers/base/escapes.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/recovery/claim.h"
#include "helpers/recovery/guard.h"
#include "helpers/recovery/host_status.h"

namespace passthrough {
namespace {

constexpr int kLinesOfOutput = 8;

// Notes in the record that the host is this run's to bring down, unless it is up. Throws Error where its state is
// unknown and the profile's host.down could reach another's host.
void NoteHostDown(const RunState& state, PendingTeardown& pending) {
  std::vector<std::string>& host_down = pending.record.host_down;
  host_down.clear();
  const std::optional<HostCommands>& host = state.profile().host;
  if (!host || host->down.empty()) return;
  if (!host->status.empty()) {
    const HostState now = AskForHostState(host->status);
    if (now == HostState::kUp) return;
    if (now == HostState::kUnknown && !HostDownKnowsItsRun(state.profile())) {
      throw Error(fmt::format(
          "{}: it says neither that the host is up nor that it is down, so whether this run may bring it down in the "
          "end is not known, and nothing was begun. See what it says. (A host.down that is given {{run}} may be run on "
          "a host in any state: docs/profiles.md.)",
          Printable(ShellCommand(host->status))));
    }
  }
  host_down = host->down;
}

// Corrects that once the host is up and its facts name who brought it up. Returns whether it is this run's.
bool SettleHostDown(const RunState& state, PendingTeardown& pending) {
  const Profile& profile = state.profile();
  std::vector<std::string>& host_down = pending.record.host_down;
  const bool noted = !host_down.empty();
  const bool ours = profile.host_owner.empty() ? noted : profile.host_owner == profile.placeholders.at("run");
  if (ours != noted) {
    host_down = ours ? profile.host->down : std::vector<std::string>();
    pending.Update();
  }
  return ours;
}

}  // namespace

void ClaimHost(RunState& state, PendingTeardown& pending) {
  RequireHostPrograms(state.profile());
  const RunSettings& settings = state.settings();
  pending.record = MakeTeardownRecord(state.plan(), state.profile(), state.run().path());
  pending.record.owner = IdentityOf(settings.watched);
  pending.record.kept = settings.keep_cluster;
  // Already here, so that no second run comes onto a host that this one is about to bring up, and will bring down.
  Claim(state.run(), pending.record, state.progress(), [&] { NoteHostDown(state, pending); });
  // Also of a cluster that is to stay: until that is deployed, bringing the host down is pending.
  StartGuard(state.run(), settings.watched);
}

void BringHostUp(RunState& state, PendingTeardown& pending) {
  if (!state.profile().host) return;
  const HostCommands& host = *state.profile().host;
  const RunDirectory& run = state.run();
  state.Phase("host", "bringing the host up", [&]() -> std::string {
    ChildOptions options;
    options.log = run.HostStartLog();
    options.on_line = [&](std::string_view line) { state.progress().Say(WithoutEscapes(line)); };
    const Deadline deadline = Deadline::After(state.profile().time_limits.host);
    if (!host.up.empty()) {  // also where it is up: it says so if its shape is another one
      const ChildResult result = pending.RunCommand(host.up, options, deadline);
      if (!result.Succeeded()) {
        throw ProcessError(fmt::format("{}: {} (see {}):\n{}", fmt::join(host.up, " "), result.HowItEnded(),
                                       run.Relative(run.HostStartLog()),
                                       Printable(LastLines(WithoutEscapes(result.output), kLinesOfOutput))));
      }
    }
    state.ResolveProfileOfHost();
    return SettleHostDown(state, pending) ? "host is up" : "host is up; this run will not bring it down";
  });
}

}  // namespace passthrough
