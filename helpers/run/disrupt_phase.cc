#include "helpers/run/disrupt_phase.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/inventory/inventory.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/local_uri.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kLibvirtLimit{30};

std::optional<Inventory> InventoryIn(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  return InventoryFromJson(ReadFile(file));
}

std::vector<DisruptionTarget> Targets(const RunState& state, const Discovery& discovery) {
  std::vector<DisruptionTarget> targets;
  // Where the nodes' source knows their host.
  const std::optional<Inventory> running = InventoryIn(state.run().HostRunning());
  const std::optional<Inventory> before = InventoryIn(state.run().HostBefore());
  UnplugHost unplug_host{.running = running ? &*running : nullptr, .before = before ? &*before : nullptr, .kernel = {}};
  if (IsOfThisMachine(state.profile().libvirt_uri)) unplug_host.kernel = KernelVersion::OfThisMachine();
  for (const DiscoveredNode& found : discovery.nodes) {
    const PlannedNode* planned = state.plan().FindNode(found.node);
    if (planned == nullptr || planned->GpuCount() == 0 || !planned->auto_start) continue;
    if (!state.settings().Wants(found.node)) continue;
    if (!found.problem.empty()) continue;  // there is nothing to disturb: the checks fail with the problem
    DisruptionTarget target;
    target.node = found.node;
    target.domain = found.domain;
    target.account = state.profile().ssh;
    target.account.host = found.address;
    const PlannedCluster* const cluster = state.plan().FindCluster(planned->cluster);
    if (cluster != nullptr) target.subnet = cluster->subnet;
    target.unplug = PlanUnplug(*planned, unplug_host);
    target.vendors = VendorsOfGpus(*planned, running.value_or(Inventory()));
    targets.push_back(std::move(target));
  }
  return targets;
}

// Returns when all are done: what was thrown, by target.
std::vector<std::exception_ptr> DisruptAll(const std::vector<DisruptionTarget>& targets,
                                           const DisruptionRequest& request, const DisruptionTools& tools,
                                           const RunDirectory& run) {
  std::vector<std::exception_ptr> failures(targets.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < targets.size(); i = next++) {
      try {
        Disrupt(targets[i], request, tools, run);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  std::vector<std::jthread> threads;
  const size_t most = std::min(targets.size(), static_cast<size_t>(tools.collect.nodes_at_once));
  for (size_t i = 0; i < most; ++i) threads.emplace_back(work);
  threads.clear();  // joins
  return failures;
}

}  // namespace

void DisruptGpuNodes(const DisruptionRequest& request, RunState& state, PendingTeardown& pending,
                     CollectPhase& collected) {
  const std::vector<DisruptionTarget> targets = Targets(state, collected.discovery());
  state.Phase("disrupt", "disturbing " + Count(targets.size(), "node"), [&]() -> std::string {
    const TimeLimits& limits = state.profile().time_limits;
    const auto jump = targets.empty() ? nullptr : state.ConnectToJumpHost(Deadline::After(limits.ssh));
    // Whatever found the nodes: what is unplugged and plugged in are devices of domains.
    LibvirtConnection libvirt = LibvirtConnection::Open(state.profile().libvirt_uri, Deadline::After(kLibvirtLimit));
    DisruptionTools tools;
    tools.libvirt = &libvirt;
    tools.jump = jump.get();
    tools.host_keys = &state.host_keys();
    tools.limits = limits;
    tools.collect = state.CollectOptionsWith(tools.jump);
    tools.collect.probes = request.probes;
    tools.on_progress = tools.collect.on_progress;
    if (request.unplug && !targets.empty()) tools.detached_gpus = pending.NoteDetachedGpus();
    const std::vector<std::exception_ptr> failures = DisruptAll(targets, request, tools, state.run());
    pending.CloseIfAttached();
    collected.SaveConsoleLogs();
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
    return "disturbed " + Count(targets.size(), "node") + ", and collected evidence again";
  });
}

}  // namespace passthrough
