#include "helpers/run/collect_phase.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/pci_controllers.h"
#include "helpers/run/ssh_config.h"
#include "helpers/topology/guest_path.h"

namespace passthrough {
namespace {

constexpr size_t kMostConsole = 1u << 20;
constexpr std::chrono::seconds kNone{0};

// "found 2 nodes", "found 1 of 2 nodes", "found 2 nodes; 1 more to be off".
std::string WhatWasFound(const Plan& plan, const Discovery& discovery) {
  const std::vector<const PlannedNode*> running = plan.RunningNodes();
  const auto found = std::count_if(running.begin(), running.end(), [&](const PlannedNode* node) {
    const DiscoveredNode* one = discovery.Find(node->name);
    return one != nullptr && !one->address.empty() && one->problem.empty();
  });
  const size_t off = plan.nodes.size() - running.size();
  const bool all = static_cast<size_t>(found) == running.size();
  return fmt::format("found {}{}{}", all ? "" : fmt::format("{} of ", found), Count(running.size(), "node"),
                     off == 0 ? "" : fmt::format("; {} more to be off", off));
}

}  // namespace

void CollectPhase::Discover() {
  const Deadline deadline = Deadline::After(state_.profile().time_limits.ssh);
  state_.Phase("discover", "waiting for the nodes' addresses", [&]() -> std::string {
    discovery_ = state_.nodes().Discover(state_.plan(), deadline);
    WriteFile(state_.run().DiscoveryJson(), ToJson(discovery_));
    WriteFile(state_.run().SshConfig(), MakeSshConfig(discovery_, state_.profile(), state_.run()));
    return WhatWasFound(state_.plan(), discovery_);
  });
}

std::map<std::string, std::vector<std::string>> CollectPhase::PlacesToOverwrite() {
  std::map<std::string, std::vector<std::string>> places;
  if (state_.profile().may_be_overwritten.empty()) return places;
  const auto inventory = state_.nodes().HostInventory();
  for (const PciAddress& address : state_.profile().may_be_overwritten) {
    std::string problem = "it is no storage device of the cluster file";
    for (const PlannedNode& planned : state_.plan().nodes) {
      const PlannedNode* const node = &planned;
      const std::vector<PlannedDevice> disks = node->DevicesOfType(DeviceType::kStorage);
      const bool has_it = std::any_of(disks.begin(), disks.end(),
                                      [&](const PlannedDevice& one) { return one.host_address == address; });
      const DiscoveredNode* const found = has_it ? discovery_.Find(node->name) : nullptr;
      if (!has_it) continue;
      const DomainInventory* const domain = inventory && found ? inventory->FindDomain(found->domain) : nullptr;
      const auto xml = domain ? state_.nodes().DomainXml(*found) : std::nullopt;
      problem = node->auto_start ? "where it is in its node is not known" : "its node is off";
      if (!xml) continue;
      const Attachment attachment = AttachmentOf(address, *domain, ReadPciControllers(*xml));
      if (!attachment.path) continue;
      places[node->name].push_back(ToText(*attachment.path));
      problem.clear();
    }
    if (!problem.empty()) {
      state_.Note(fmt::format("may_be_overwritten of the profile names {}, and nothing is written to it: {}",
                              address.ToString(), problem));
    }
  }
  return places;
}

std::vector<CollectTarget> CollectPhase::Targets() {
  const std::map<std::string, std::vector<std::string>> places = PlacesToOverwrite();
  std::vector<CollectTarget> targets;
  for (const DiscoveredNode& node : discovery_.nodes) {
    if (!state_.settings().Wants(node.node) || node.address.empty() || !node.problem.empty()) continue;
    SshAccount account = state_.profile().ssh;
    account.host = node.address;
    const PlannedNode* const planned = state_.plan().FindNode(node.node);
    const bool has_gpus = planned != nullptr && planned->GpuCount() > 0;
    const auto to_overwrite = places.find(node.node);
    targets.push_back({.node = node.node, .account = account, .has_gpus = has_gpus});
    if (to_overwrite != places.end()) targets.back().may_be_overwritten = to_overwrite->second;
  }
  return targets;
}

void CollectPhase::CollectFromNodes(const std::vector<std::string>& probes) {
  const std::vector<CollectTarget> targets = Targets();
  state_.Phase("collect", "collecting evidence from " + Count(targets.size(), "node"), [&]() -> std::string {
    const TimeLimits& limits = state_.profile().time_limits;
    const auto jump = targets.empty() ? nullptr : state_.ConnectToJumpHost(Deadline::After(limits.ssh));
    CollectOptions options = state_.CollectOptionsWith(jump.get());
    options.probes = probes;
    const ReadyCommand& ready = state_.profile().ready;
    if (ready.is_default || !ready.command.empty()) {
      options.setup = SetupOptions{.command = ready.command, .limit = limits.ready};
    }
    // One after the other where they are more than are done at once.
    const auto turns = static_cast<int>(targets.size()) / options.nodes_at_once + 1;
    const Deadline deadline =
        Deadline::After(turns * (limits.ssh + limits.collect + (options.setup ? limits.ready : kNone)));
    size_t complete = 0;
    for (const CollectOutcome& outcome : Collect(targets, options, deadline)) {
      if (outcome.error.empty()) ++complete;
    }
    return fmt::format("collected evidence from {} of {}", complete, Count(targets.size(), "node"));
  });
}

void CollectPhase::CollectFromHost() {
  state_.Phase("look", "collecting the host's inventory from " + discovery_.source, [&]() -> std::string {
    NodeSource& nodes = state_.nodes();
    const RunDirectory& run = state_.run();
    const auto inventory = nodes.HostInventory();
    if (inventory) {
      state_.record().versions["hypervisor"] = inventory->hypervisor;
      WriteFile(run.HostRunning(), ToJson(*inventory));
    }
    discovery_ = MergeDiscovery(discovery_, nodes.Rediscover(state_.plan()));
    WriteFile(run.DiscoveryJson(), ToJson(discovery_));
    for (const DiscoveredNode& node : discovery_.nodes) {
      if (const auto xml = nodes.DomainXml(node)) WriteFile(run.DomainXml(node.domain), *xml);
    }
    SaveConsoleLogs();
    return inventory ? "collected the host's inventory" : discovery_.source + " has no inventory of a host";
  });
}

void CollectPhase::SaveConsoleLogs() {
  const RunDirectory& run = state_.run();
  for (const DiscoveredNode& node : discovery_.nodes) {
    std::optional<std::string> console;
    try {
      console = state_.nodes().ConsoleLog(node, kMostConsole);
    } catch (const InterruptedError&) {
      throw;
    } catch (const TimeoutError& error) {  // of the others', too: each would take as long
      state_.progress().Say(fmt::format("{}: no console logs from here on: {}", node.node, error.what()));
      return;
    } catch (const Error& error) {
      state_.progress().Say(fmt::format("{}: no console log: {}", node.node, error.what()));
    }
    if (!console) continue;
    std::error_code error;  // not where the run directory is gone: nobody makes that anew
    std::filesystem::create_directory(run.ConsoleLog(node.node).parent_path(), error);
    WriteFile(run.ConsoleLog(node.node), *console, 0600);
  }
}

}  // namespace passthrough
