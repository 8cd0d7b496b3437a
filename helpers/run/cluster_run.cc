#include "helpers/run/cluster_run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <thread>
#include <utility>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/evidence/collector.h"
#include "helpers/run/guard.h"
#include "helpers/run/host_status.h"
#include "helpers/run/lease_end.h"
#include "helpers/run/lease_home.h"
#include "helpers/run/preflight.h"
#include "helpers/run/run_registry.h"
#include "helpers/run/ssh_config.h"
#include "helpers/run/versions.h"

namespace passthrough {
namespace {

using std::chrono::seconds;

constexpr seconds kConnectLimit{30};
constexpr seconds kInventoryLimit{60};
constexpr size_t kMostConsole = 1u << 20;
constexpr int kLinesInMessage = 8;

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

// The host of profile `lab` is up for one run, unless somebody brought it up or had it kept.
void RequireHostIsUp(const Profile& profile) {
  std::error_code unknown;
  if (std::filesystem::exists(profile.host->facts, unknown) || unknown) return;
  throw Error(fmt::format(
      "there is nothing to attach to: the host of profile {} is not up ({} is not there). For a cluster on a real host, "
      "name its profile: --profile host, or another of configs/profiles/. For one in the host of this profile: a run "
      "without --attach, with --no-cleanup, leaves one",
      profile.name, profile.host->facts.string()));
}

}  // namespace

ClusterRun::ClusterRun(RunSettings settings, RunDirectory run, Progress& progress)
    : settings_(std::move(settings)),
      run_(std::move(run)),
      progress_(progress),
      host_keys_(run_.KnownHosts(), settings_.profile.known_hosts) {
  record_.mode = settings_.mode;
  record_.started = fmt::format("{:%Y-%m-%dT%H:%M:%S%z}", fmt::localtime(std::time(nullptr)));
  record_.config = settings_.plan.config_path;
  record_.cluster = settings_.plan.name;
  record_.profile = settings_.profile.name;
  record_.target = settings_.target;
  record_.disruptive = settings_.disruptive;
  record_.reboots = settings_.disruptive ? settings_.reboots : 0;
  record_.cleanup = settings_.mode != RunMode::kAttach && !settings_.keep_cluster;
  record_.versions = LibraryVersions();
  WriteFile(run_.ClusterFile(), ReadFile(settings_.plan.config_path));
  WriteRecord();
}

// Runs `body`, which returns the words for the end of the step, and records how it went.
template <typename Body>
void ClusterRun::Phase(const std::string& name, const std::string& doing, Body body) {
  progress_.Begin(doing);
  try {
    const std::string done = body();
    record_.phases.push_back({.name = name, .seconds = progress_.End(done), .error = ""});
    WriteRecord();
  } catch (const Error& error) {
    const double took = progress_.End(doing + ": failed");
    record_.phases.push_back({.name = name, .seconds = took, .error = error.what()});
    TryToWriteRecord();
    throw;
  }
}

void ClusterRun::WriteRecord() {
  record_.libvirt_uri = settings_.profile.libvirt_uri;
  record_.stub_driver = settings_.profile.stub_driver;
  std::vector<const PlannedNode*> nodes;
  for (const PlannedNode& node : settings_.plan.nodes) {
    if (settings_.target.empty() || node.name == settings_.target) nodes.push_back(&node);
  }
  record_.not_checked = NotChecked(record_.stub_driver, nodes);
  record_.emulated_devices = settings_.profile.emulated_devices;
  WriteRunRecord(run_.RunJson(), record_);
}

void ClusterRun::RecordError(const std::string& error) {
  record_.error = error;
  TryToWriteRecord();
}

void ClusterRun::TryToWriteRecord() {
  try {
    WriteRecord();
  } catch (const Error& problem) {  // a full disk
    const bool deleted = LookFor(run_.path()) == Presence::kGone;
    const std::string what =
        deleted ? run_.path().string() + " was deleted while the run went on: there is no report" : problem.what();
    if (std::exchange(last_problem_, what) != what) progress_.Line(Printable(what));
  }
}

Inventory ClusterRun::TakeInventory() { return Libvirt().TakeInventory(Deadline::After(kInventoryLimit)); }

LibvirtConnection& ClusterRun::Libvirt() {
  if (!libvirt_ || !libvirt_->IsAlive()) {
    libvirt_.emplace(LibvirtConnection::Open(settings_.profile.libvirt_uri,
                                             Deadline::After(kConnectLimit)));
  }
  return *libvirt_;
}

void ClusterRun::Deploy() {
  ClaimHost();
  if (settings_.profile.host) BringHostUp();
  CheckBeforeDeploying();
  LookBefore();
  RunCreate();
}

void ClusterRun::Attach() {
  if (settings_.profile.host) {
    RequireHostIsUp(settings_.profile);
    ApplyHostFacts(settings_.profile);
  }
  ThrowProblems(SshKeyProblems(settings_.profile));
  try {
    const Lease lease = MakeAttachedLease(settings_.plan, settings_.profile, run_.path());
    GiveBackWhatKilledRunsUnplugged(lease.place, progress_);
  } catch (const Error& error) {  // the checks tell what the nodes lack
    progress_.Line(Printable(error.what()));
  }
}

// Before anything exists: all that follows can be killed.
void ClusterRun::ClaimHost() {
  lease_ = MakeLease(settings_.plan, settings_.profile, run_.path());
  lease_.owner = IdentityOf(settings_.watched);
  lease_.kept = settings_.keep_cluster;
  // Already here, so that no second run comes onto a host that this one is about to bring up, and will bring down.
  Claim(run_, lease_, progress_, [this] { NoteHostDown(); });
  StartGuard(run_, settings_.watched);  // also of a cluster that is to stay: until that is deployed, the host is owed
}

void ClusterRun::NoteHostDown() {
  lease_.host_down.clear();
  const std::optional<HostCommands>& host = settings_.profile.host;
  if (!host || host->down.empty()) return;
  if (!host->status.empty()) {
    const HostState state = AskForHostState(host->status);
    if (state == HostState::kUp) return;
    if (state == HostState::kUnknown && !HostDownKnowsItsRun(settings_.profile)) {
      throw Error(fmt::format(
          "{}: it tells neither that the host is up nor that it is down, so whether this run may bring it down in the "
          "end cannot be told, and nothing was begun. See what it says. (A host.down that is told {{run}} may be given "
          "to a host in any state: docs/profiles.md.)",
          Printable(ShellCommand(host->status))));
    }
  }
  lease_.host_down = host->down;
}

bool ClusterRun::SettleHostDown() {
  const Profile& profile = settings_.profile;
  const bool noted = !lease_.host_down.empty();
  const bool ours = profile.host_owner.empty() ? noted : profile.host_owner == profile.placeholders.at("run");
  if (ours != noted) {
    lease_.host_down = ours ? profile.host->down : std::vector<std::string>();
    UpdateLease();
  }
  return ours;
}

// Throws where the lease is gone: whoever watched the run found it dead and took down what it had made, as where
// ctest was killed and its deploy step lives on. What is made from then on nobody would owe.
void ClusterRun::UpdateLease() {
  RequireRunDirectory();
  WriteRunLease(run_, lease_);
}

void ClusterRun::RequireRunDirectory() const {
  if (LookFor(run_.RunJson()) != Presence::kGone) return;
  throw Error(fmt::format("{} was deleted while the run went on, which ends here: {}", run_.path().string(),
                          lease_.ClusterStays() ? "the cluster stays" : "what it made is taken down"));
}

GpuDebts ClusterRun::NoteUnplugged() {
  const bool attached = settings_.mode == RunMode::kAttach;
  if (!attached && !lease_.kept) return {};  // the domains go when the cluster is taken down
  if (attached) {
    lease_ = MakeAttachedLease(settings_.plan, settings_.profile, run_.path());
    lease_.owner = IdentityOf(settings_.watched);
    RegisterAttached(run_, lease_);
    StartGuard(run_, settings_.watched);
  }
  return {.add =
              [this](const OwedGpu& owed) {
                const std::lock_guard lock(lease_mutex_);
                std::erase_if(lease_.unplugged, [&](const OwedGpu& one) { return one.IsSameAs(owed); });
                lease_.unplugged.push_back(owed);
                UpdateLease();
              },
          .drop =
              [this](const OwedGpu& owed) {
                const std::lock_guard lock(lease_mutex_);
                std::erase_if(lease_.unplugged, [&](const OwedGpu& one) { return one.IsSameAs(owed); });
                UpdateLease();
              }};
}

void ClusterRun::EndAttachedLease() {
  if (lease_.attached && lease_.unplugged.empty()) EndLease(run_);
}

ChildResult ClusterRun::RunOwed(const std::vector<std::string>& argv, ChildOptions options,
                                const Deadline& deadline) {
  options.on_start = [this](int pid) {
    lease_.command = IdentityOf(pid);
    UpdateLease();
  };
  const ChildResult result = RunChild(argv, options, deadline);
  lease_.command = {};
  UpdateLease();
  return result;
}

void ClusterRun::BringHostUp() {
  const HostCommands& host = *settings_.profile.host;
  Phase("host", "bringing the host up", [&]() -> std::string {
    ChildOptions options;
    options.log = run_.HostStartLog();
    options.on_line = [this](std::string_view line) { progress_.Say(line); };
    const Deadline deadline = Deadline::After(settings_.profile.time_limits.host);
    if (!host.up.empty()) {  // also where it is up: it says so if its shape is another one
      const ChildResult result = RunOwed(host.up, options, deadline);
      if (!result.Succeeded()) {
        throw ProcessError(fmt::format("{}: {} (see {}):\n{}", fmt::join(host.up, " "),
                                       result.HowItEnded(), run_.Relative(run_.HostStartLog()),
                                       Printable(LastLines(result.output, kLinesInMessage))));
      }
    }
    ApplyHostFacts(settings_.profile);
    return SettleHostDown() ? "host is up" : "host is up; this run will not bring it down";
  });
}

void ClusterRun::CheckBeforeDeploying() {
  Phase("preflight", "checking before deploying", [&]() -> std::string {
    std::vector<std::string> problems = SshKeyProblems(settings_.profile);
    const auto add = [&](std::vector<std::string> more) {
      problems.insert(problems.end(), more.begin(), more.end());
    };
    add(DeployerProblems(settings_.profile));
    add(ImageProblems(settings_.plan, settings_.profile));
    try {
      const Inventory inventory = TakeInventory();
      const std::string& uri = settings_.profile.libvirt_uri;
      add(HostProblems(settings_.plan, inventory, uri));
      add(DeviceProblems(settings_.plan, inventory, settings_.profile.emulated_devices, uri));
      record_.versions["hypervisor"] = inventory.hypervisor;
      WriteFile(run_.HostBefore(), ToJson(inventory));
    } catch (const LibvirtError& error) {
      problems.push_back(error.what());
    } catch (const TimeoutError& error) {
      problems.push_back(error.what());
    }
    ThrowProblems(problems);
    return "ready to deploy";
  });
}

void ClusterRun::LookBefore() {
  RequireRunDirectory();
  lease_.libvirt_uri = settings_.profile.libvirt_uri;
  lease_.deployed = true;  // from here on something may exist
  UpdateLease();
}

void ClusterRun::RunCreate() {
  const Profile& profile = settings_.profile;
  Phase("deploy", "deploying " + settings_.plan.name, [&]() -> std::string {
    const Deadline deadline = Deadline::After(profile.time_limits.create);
    for (const auto& argv : profile.deployer.create) {
      ChildOptions options;
      options.log = run_.ClusterStartLog();
      options.working_directory = profile.deployer.working_directory;
      options.on_line = [this](std::string_view line) { progress_.Say(line); };
      const ChildResult result = RunOwed(argv, options, deadline);
      if (!result.Succeeded()) {
        throw ProcessError(fmt::format("{}: {} (see {}):\n{}{}", fmt::join(argv, " "),
                                       result.HowItEnded(), run_.Relative(run_.ClusterStartLog()),
                                       Printable(LastLines(result.output, kLinesInMessage)),
                                       HintForFailedDeployer(argv, result.output)));
      }
    }
    lease_.made = ObjectsOf(lease_, TakeInventory());
    UpdateLease();
    return "deployed " + settings_.plan.name;
  });
}

void ClusterRun::Collect(const std::vector<std::string>& probes) {
  record_.probes = probes;
  const Deadline deadline = Deadline::After(settings_.profile.time_limits.ssh);
  Phase("discover", "waiting for the nodes' addresses", [&]() -> std::string {
    discovery_ = Discover(settings_.plan, Libvirt(), deadline);
    WriteFile(run_.DiscoveryJson(), ToJson(discovery_));
    WriteFile(run_.SshConfig(), MakeSshConfig(discovery_, settings_.profile, run_));
    return WhatWasFound(settings_.plan, discovery_);
  });
  if (!probes.empty()) CollectFromNodes(probes);
  CollectFromHost();
}

void ClusterRun::CollectFromNodes(const std::vector<std::string>& probes) {
  std::vector<CollectTarget> targets;
  for (const DiscoveredNode& node : discovery_.nodes) {
    const bool wanted = settings_.target.empty() || node.node == settings_.target;
    if (!wanted || node.address.empty() || !node.problem.empty()) continue;
    SshAccount account = settings_.profile.ssh;
    account.host = node.address;
    const PlannedNode* const planned = settings_.plan.FindNode(node.node);
    const bool has_gpus = planned != nullptr && planned->GpuCount() > 0;
    targets.push_back({.node = node.node, .account = account, .has_gpus = has_gpus});
  }
  Phase("collect", "collecting evidence from " + Count(targets.size(), "node"), [&]() -> std::string {
    const Deadline deadline = Deadline::After(settings_.profile.time_limits.ssh +
                                              settings_.profile.time_limits.collect);
    std::optional<JumpHost> jump;
    if (settings_.profile.jump && !targets.empty()) {
      jump.emplace(*settings_.profile.jump, host_keys_, deadline);
    }
    CollectOptions options;
    options.remote_directory = settings_.remote_directory;
    options.program_directory = settings_.program_directory;
    options.evidence_directory = run_.Evidence();
    options.probes = probes;
    options.jump = jump ? &*jump : nullptr;
    options.host_keys = &host_keys_;
    options.ready_limit = settings_.profile.time_limits.ssh;
    options.collect_limit = settings_.profile.time_limits.collect;
    options.probe_scale = settings_.profile.time_limits.probe_scale;
    options.on_progress = [this](const std::string& node, const std::string& what) {
      progress_.Say(node + ": " + what);
    };
    size_t complete = 0;
    for (const CollectOutcome& outcome : passthrough::Collect(targets, options, deadline)) {
      if (outcome.error.empty()) ++complete;
    }
    return fmt::format("collected evidence from {} of {}", complete, Count(targets.size(), "node"));
  });
}

void ClusterRun::CollectFromHost() {
  Phase("look", "asking libvirt about the host's side", [&]() -> std::string {
    const Inventory inventory = TakeInventory();
    record_.versions["hypervisor"] = inventory.hypervisor;
    WriteFile(run_.HostRunning(), ToJson(inventory));
    discovery_ = LookedAtAgain(discovery_, DiscoverOnce(settings_.plan, Libvirt()));
    WriteFile(run_.DiscoveryJson(), ToJson(discovery_));
    for (const DiscoveredNode& node : discovery_.nodes) {
      if (node.domain.empty()) continue;
      if (const auto xml = Libvirt().DomainXml(node.domain)) {
        WriteFile(run_.DomainXml(node.domain), *xml);
      }
    }
    SaveConsoleLogs();
    return "looked at the host";
  });
}

std::vector<DisruptionTarget> ClusterRun::GpuNodesToDisturb() const {
  std::vector<DisruptionTarget> targets;
  for (const DiscoveredNode& found : discovery_.nodes) {
    const PlannedNode* planned = settings_.plan.FindNode(found.node);
    const bool wanted = settings_.target.empty() || found.node == settings_.target;
    if (planned == nullptr || planned->GpuCount() == 0 || !planned->auto_start || !wanted) continue;
    if (!found.problem.empty()) continue;  // there is nothing to disturb: the checks fail with the problem
    DisruptionTarget target{found.node, found.domain, settings_.profile.ssh, {}};
    target.account.host = found.address;
    const PlannedCluster* const cluster = settings_.plan.FindCluster(planned->cluster);
    if (cluster != nullptr) target.subnet = Ipv4Subnet::Parse(cluster->subnet);
    for (const PlannedDevice& gpu : planned->DevicesOfType(DeviceType::kGpu)) {
      target.gpus.push_back(gpu.host_address);
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

void ClusterRun::DisruptNodes(const DisruptionRequest& request) {
  const std::vector<DisruptionTarget> targets = GpuNodesToDisturb();
  Phase("disrupt", "disturbing " + Count(targets.size(), "node"), [&]() -> std::string {
    DisruptionTools tools;
    tools.libvirt = &Libvirt();
    std::optional<JumpHost> jump;
    if (settings_.profile.jump && !targets.empty()) {
      jump.emplace(*settings_.profile.jump, host_keys_, Deadline::After(settings_.profile.time_limits.ssh));
      tools.jump = &*jump;
    }
    tools.host_keys = &host_keys_;
    tools.remote_directory = settings_.remote_directory;
    tools.limits = settings_.profile.time_limits;
    if (request.unplug && !targets.empty()) tools.debts = NoteUnplugged();
    tools.on_progress = [this](const std::string& node, const std::string& what) {
      progress_.Say(node + ": " + what);
    };
    std::vector<std::exception_ptr> failures(targets.size());
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < targets.size(); ++i) {
        threads.emplace_back([&, i] {
          try {
            Disrupt(targets[i], request, tools, run_);
          } catch (...) {
            failures[i] = std::current_exception();
          }
        });
      }
    }  // joins
    EndAttachedLease();
    SaveConsoleLogs();
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
    return "disturbed " + Count(targets.size(), "node") + ", and looked again";
  });
}

void ClusterRun::SaveConsoleLogs() {
  for (const DiscoveredNode& node : discovery_.nodes) {
    if (node.domain.empty()) continue;
    try {
      const auto console = Libvirt().ConsoleLog(node.domain, kMostConsole);
      if (!console) continue;
      std::error_code error;  // not where the run directory is gone: nobody makes that anew
      std::filesystem::create_directory(run_.ConsoleLog(node.node).parent_path(), error);
      WriteFile(run_.ConsoleLog(node.node), *console, 0600);
    } catch (const LibvirtError& error) {
      progress_.Say(fmt::format("{}: no console log: {}", node.node, error.what()));
    }
  }
}

void ClusterRun::TearDownIfOwed() {
  // What is left of an attached run's is the guard's.
  const bool is_kept = lease_.attached || (settings_.keep_cluster && lease_.deployed);
  if (is_kept || teardown_ || !IsLeased(run_.path())) return;
  const auto start = std::chrono::steady_clock::now();
  libvirt_.reset();
  std::string failed;
  try {
    teardown_ = TearDown(LeaseHome(run_), progress_);
  } catch (const std::exception& error) {
    teardown_ = TeardownReport{};
    teardown_->look_error = error.what();
  }
  for (const std::string& part : {teardown_->destroy_error, teardown_->look_error,
                                  teardown_->reap_error, teardown_->host_error}) {
    if (!part.empty()) failed += (failed.empty() ? "" : "\n") + part;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  record_.phases.push_back({.name = "destroy", .seconds = took.count(), .error = failed});
  TryToWriteRecord();
}

}  // namespace passthrough
