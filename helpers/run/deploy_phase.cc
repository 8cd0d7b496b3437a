#include "helpers/run/deploy_phase.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "helpers/base/escapes.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/cluster/ai_how_problems.h"
#include "helpers/cluster/deployer_problems.h"
#include "helpers/libvirt/connection.h"
#include "helpers/recovery/hypervisor_claim.h"
#include "helpers/recovery/teardown_scope.h"
#include "helpers/run/preflight.h"

namespace passthrough {
namespace {

constexpr int kLinesInMessage = 8;
constexpr std::chrono::seconds kConnectLimit{60};
constexpr std::chrono::seconds kClaimLimit{120};

void MarkDeployStarted(const RunState& state, PendingTeardown& pending) {
  pending.RequireRunDirectory();
  pending.record.libvirt_uri = state.profile().libvirt_uri;
  pending.record.deployed = true;
  pending.record.create_ended = false;
  pending.Update();
}

// After the create, however it ended. Preflight saw none of these names, and the claim keeps other runs from them
// since.
void RecordWhatWasMade(const RunState& state, PendingTeardown& pending, bool succeeded) {
  TeardownRecord& record = pending.record;
  if (record.made.empty() && !state.settings().node_source) {
    // Anew: through a create of minutes, an idle connection may have died.
    auto libvirt = LibvirtConnection::Open(record.libvirt_uri, Deadline::After(kConnectLimit));
    if (!AnotherHolds(libvirt, record))
      record.made = ObjectsOf(record, libvirt.TakeInventory(Deadline::After(kClaimLimit)));
  }
  record.create_ended = true;
  record.created = succeeded;
  pending.Update();
}

// Nodes of another source than libvirt need none.
void ClaimAtHypervisor(const RunState& state, PendingTeardown& pending) {
  if (state.settings().node_source) return;
  TeardownRecord& record = pending.record;
  record.libvirt_uri = state.profile().libvirt_uri;
  auto libvirt = LibvirtConnection::Open(record.libvirt_uri, Deadline::After(kConnectLimit));
  record.claimed = true;
  pending.Update();  // before it is there: whoever is killed meanwhile leaves one that teardown removes
  RunWithDeadline(
      Deadline::After(kClaimLimit), "claiming the cluster at " + record.libvirt_uri,
      [record, own = std::make_shared<LibvirtConnection>(libvirt.Share())] { HoldAtHypervisor(*own, record); });
}

}  // namespace

void CheckBeforeDeploying(RunState& state, PendingTeardown& pending) {
  for (const std::string& note : NotesBefore(state.plan(), state.profile(), true)) {
    state.progress().Line("NOTE: " + Printable(note));
  }
  state.Phase("preflight", "checking before deploying", [&]() -> std::string {
    const Plan& plan = state.plan();
    const Profile& profile = state.profile();
    std::vector<std::string> problems;
    std::optional<Inventory> inventory;
    try {
      // Before the inventory: from here on no other run makes these names.
      ClaimAtHypervisor(state, pending);
      inventory = state.nodes().HostInventory();
    } catch (const InterruptedError&) {
      throw;
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
    std::vector<std::string> notes;
    const auto more = ProblemsBeforeDeploying(plan, profile, inventory ? &*inventory : nullptr, &notes);
    problems.insert(problems.begin(), more.begin(), more.end());
    for (const std::string& note : notes) state.Note(note);
    if (inventory) {
      state.record().versions["hypervisor"] = inventory->hypervisor;
      WriteFile(state.run().HostBefore(), ToJson(*inventory));
    }
    ThrowProblems(problems);
    return "ready to deploy";
  });
}

void CreateCluster(RunState& state, PendingTeardown& pending) {
  MarkDeployStarted(state, pending);
  const Profile& profile = state.profile();
  const RunDirectory& run = state.run();
  const std::string& cluster = state.plan().name;
  state.Phase("deploy", "deploying " + cluster, [&]() -> std::string {
    const Deadline deadline = Deadline::After(profile.time_limits.create);
    for (const auto& argv : profile.deployer.create) {
      ChildOptions options;
      options.log = run.ClusterStartLog();
      options.working_directory = profile.deployer.working_directory;
      options.environment = DeployerEnvironment(profile.libvirt_uri);
      options.on_line = [&](std::string_view line) { state.progress().Say(WithoutEscapes(line)); };
      const ChildResult result = pending.RunCommand(argv, options, deadline);
      if (!result.Succeeded()) {
        RecordWhatWasMade(state, pending, false);
        throw ProcessError(fmt::format("{}: {} (see {}):\n{}{}", fmt::join(argv, " "), result.HowItEnded(),
                                       run.Relative(run.ClusterStartLog()),
                                       Printable(LastLines(WithoutEscapes(result.output), kLinesInMessage)),
                                       HintForFailedDeployer(argv, WithoutEscapes(result.output))));
      }
    }
    RecordWhatWasMade(state, pending, true);
    return "deployed " + cluster;
  });
}

}  // namespace passthrough
