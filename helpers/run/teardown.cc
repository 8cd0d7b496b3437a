#include "helpers/run/teardown.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/process/child_process.h"
#include "helpers/run/host_status.h"
#include "helpers/run/lease_end.h"
#include "helpers/run/lease_home.h"
#include "helpers/run/owed_gpus.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TeardownReport, destroy_error, look_error, reaped, reap_error,
                                   host_error, left_alone)

namespace {

using std::chrono::seconds;

constexpr int kLinesInMessage = 5;
// For a hypervisor that went away, such as a libvirtd that restarts.
constexpr int kComeBackTimes = 3;  // the limit of one connection
// A function goes back to its host driver and a tap device goes away a moment after destroy returned.
constexpr seconds kSettleLimit{10};
constexpr seconds kHostDownLimit{120};
constexpr seconds kInventoryLimit{60};
constexpr seconds kRemoveLimit{60};

std::filesystem::path ReportPath(const RunDirectory& run) {
  return run.Evidence() / "host" / "teardown.json";
}

void WriteReport(const RunDirectory& run, const TeardownReport& report) {
  WriteFile(ReportPath(run),
            nlohmann::json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// The deployer's destroy, on the cluster file that was deployed: where the user's has changed since, on
// the copy that the run keeps.
CommandSequence DestroyCommands(const Lease& lease, const RunDirectory& run) {
  CommandSequence commands = lease.destroy;
  try {
    if (lease.config.empty() || ReadFile(run.ClusterFile()) == ReadFile(lease.config)) return commands;
  } catch (const Error&) {
    if (LookFor(run.ClusterFile()) == Presence::kGone) return commands;
  }
  for (auto& argv : commands) {
    for (std::string& word : argv) {
      for (size_t at = word.find(lease.config); at != std::string::npos; at = word.find(lease.config, at)) {
        word.replace(at, lease.config.size(), run.ClusterFile().string());
        at += run.ClusterFile().string().size();
      }
    }
  }
  return commands;
}

// While it deploys, the run has no list yet, but nobody else made anything since.
bool IsOursUnseen(const Lease& lease) {
  return lease.made.empty() && lease.owner.boot_id == IdentityOf(getpid()).boot_id;
}

// What has a name of the lease's and is not known to be what the run made.
std::vector<std::string> StrangersIn(const Lease& lease, const Inventory& now) {
  std::vector<std::string> strangers;
  if (IsOursUnseen(lease)) return strangers;
  for (const auto& [what, uuid] : ObjectsOf(lease, now)) {
    const auto made = lease.made.find(what);
    if (made == lease.made.end() || made->second != uuid) strangers.push_back(what);
  }
  return strangers;
}

// One teardown under way.
class Teardown {
 public:
  Teardown(const RunDirectory& run, Lease lease, Progress& progress, seconds connect_limit)
      : run_(run), lease_(std::move(lease)), progress_(progress), connect_limit_(connect_limit) {}

  // Goes on from what an earlier teardown found.
  void Continue(TeardownReport report) { report_ = std::move(report); }

  TeardownReport Do() {
    // A command of a suite that was killed: it would go on making what is taken down here.
    EndGroupOf(lease_.command);
    if (lease_.deployed) {
      TakeClusterDown();
    } else if (!lease_.unplugged.empty()) {  // --destroy of a run that only attached
      ForgetOwedGpus(lease_, progress_);
      NoteLease();
    }
    if (!lease_.host_down.empty()) BringHostDown();
    return report_;
  }

 private:
  Deadline Limit(seconds limit) const { return Deadline::After(limit).Uninterruptible(); }

  void TakeClusterDown() {
    if (!FindStrangers()) {
      if (HostIsKnownDown(lease_.host_status)) return FindTheHostDown();
      if (!LibvirtComesBack() || !FindStrangers()) {
        progress_.Line(Printable(report_.look_error));
        return;
      }
    }
    if (HasNoStrangers()) RunDestroy();
    if (!report_.destroy_error.empty() && !LibvirtAnswers()) {
      if (HostIsKnownDown(lease_.host_status)) return FindTheHostDown();
      if (LibvirtComesBack()) {
        report_.destroy_error.clear();
        if (!FindStrangers()) return;
        if (HasNoStrangers()) RunDestroy();
      }
    }
    Look();
    // Whoever is killed from here on leaves the host alone to be brought down, which may be half done.
    if (report_.NothingRemains()) RecordThatTheClusterIsGone();
  }

  // What the run owes must not depend on room on the disk.
  void TryToWrite(const std::function<void()>& write) {
    try {
      write();
    } catch (const Error& error) {
      progress_.Line(Printable(error.what()));
    }
  }

  void NoteLease() {
    TryToWrite([this] { WriteRunLease(run_, lease_); });
  }

  void RecordThatTheClusterIsGone() {
    lease_.command = {};
    lease_.deployed = false;
    TryToWrite([this] { WriteReport(run_, report_); });
    NoteLease();
  }

  void FindTheHostDown() {
    report_.look_error.clear();
    progress_.Line("the host is down: nothing is left on it");
    RecordThatTheClusterIsGone();
  }

  bool HasNoStrangers() const { return report_.left_alone.empty() && report_.reap_error.empty(); }

  // On a host that goes down after the run all is the run's. On another one, names may have been given
  // anew since: after a kill or --no-cleanup, days may have passed. False (and look_error) where that cannot be seen:
  // the deployer's destroy, which goes by names, could reach others' by then.
  bool FindStrangers() {
    report_.look_error.clear();
    if (!lease_.host_down.empty() || IsOursUnseen(lease_)) return true;
    try {
      auto libvirt = LibvirtConnection::Open(lease_.libvirt_uri, Limit(connect_limit_));
      const std::vector<std::string> strangers = StrangersIn(lease_, libvirt.TakeInventory(Limit(kInventoryLimit)));
      if (strangers.empty()) return true;
      const std::string what = JoinForHumans(strangers);
      if (lease_.made.empty()) {
        report_.reap_error = fmt::format(
            "the run was killed while it deployed, and this machine was rebooted since, so nobody can tell whether "
            "that run or somebody else made these; they are left alone: {}. To look: {}. Remove what is not needed, "
            "then: {}",
            what, VirshCommand(lease_.libvirt_uri, {"list", "--all"}), SuiteCommand({"--reap"}));
      } else {
        report_.left_alone = strangers;
        progress_.Line(fmt::format("left alone, for somebody else made it: {}", what));
      }
      return true;
    } catch (const Error& error) {  // one that hangs is a TimeoutError
      report_.look_error = fmt::format("what the run made cannot be told from what others made since, so nothing was "
                                       "destroyed: {}",
                                       error.what());
      return false;
    }
  }

  // Runs one command to its end; returns why it failed, or nothing.
  std::string Run(const std::vector<std::string>& argv, const std::filesystem::path& log,
                  seconds limit) {
    try {
      ChildOptions options;
      if (CanAppendTo(log)) options.log = log;
      options.working_directory = lease_.working_directory;
      options.on_line = [this](std::string_view line) { progress_.Say(line); };
      options.on_start = [this](int pid) {  // this process may be killed, too
        lease_.command = IdentityOf(pid);
        NoteLease();
      };
      const ChildResult result = RunChild(argv, options, Limit(limit));
      if (result.Succeeded()) return {};
      return fmt::format("{}: {} (see {}):\n{}", fmt::join(argv, " "), result.HowItEnded(),
                         run_.Relative(log), Printable(LastLines(result.output, kLinesInMessage)));
    } catch (const Error& error) {
      return error.what();
    }
  }

  static bool CanAppendTo(const std::filesystem::path& log) {
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    close(fd);
    return true;
  }

  void RunDestroy() {
    progress_.Begin("destroying the cluster");
    for (const auto& argv : DestroyCommands(lease_, run_)) {
      const std::string error =
          Run(argv, run_.ClusterDestroyLog(), seconds(lease_.destroy_seconds));
      if (!error.empty()) report_.destroy_error += (report_.destroy_error.empty() ? "" : "\n") + error;
    }
    progress_.End(report_.destroy_error.empty() ? "destroyed" : "the deployer's destroy failed");
  }

  bool LibvirtAnswers() const {
    try {
      LibvirtConnection::Open(lease_.libvirt_uri, Limit(connect_limit_));
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  bool LibvirtComesBack() {
    progress_.Begin("waiting for libvirt, which does not answer");
    const Deadline deadline = Limit(kComeBackTimes * connect_limit_);
    BackOff back_off;
    while (!deadline.Passed()) {
      if (LibvirtAnswers()) {
        progress_.End("libvirt answers again");
        return true;
      }
      back_off.Sleep(deadline);
    }
    progress_.End("libvirt did not come back");
    return false;
  }

  void Look() {
    progress_.Begin("looking for leftovers");
    try {
      auto libvirt = LibvirtConnection::Open(lease_.libvirt_uri, Limit(connect_limit_));
      const Inventory after = SettledInventory(libvirt);
      Reap(libvirt, after);
      TryToWrite([&] { WriteFile(run_.HostAfter(), ToJson(after)); });
      progress_.End(report_.reaped.empty() ? "nothing is left of the cluster"
                                           : "removed what the deployer had left");
    } catch (const Error& error) {
      report_.look_error = error.what();
      progress_.End("could not look at the host");
    }
  }

  // The inventory once it equals the one before the run, or the last one seen.
  Inventory SettledInventory(LibvirtConnection& libvirt) {
    std::optional<Inventory> before;
    if (LookFor(run_.HostBefore()) == Presence::kThere) {
      TryToWrite([&] { before = InventoryFromJson(ReadFile(run_.HostBefore())); });
    }
    const Deadline deadline = Limit(kSettleLimit);
    BackOff back_off;
    while (true) {
      Inventory now = libvirt.TakeInventory(Limit(kInventoryLimit));
      if (!before || deadline.Passed() || DescribeDifferences(*before, now).empty()) return now;
      back_off.Sleep(deadline);
    }
  }

  void Reap(LibvirtConnection& libvirt, const Inventory& after) {
    if (!report_.reap_error.empty()) return;  // whose it is cannot be told
    // Without strangers before, what is there now the deployer has left, or made anew.
    const auto is_ours = [&](const std::string& what, const std::string& uuid) {
      const auto made = lease_.made.find(what);
      return report_.left_alone.empty() || (made != lease_.made.end() && made->second == uuid);
    };
    for (const std::string& name : lease_.domains) {
      const auto* domain = after.FindDomain(name);
      if (domain == nullptr || !is_ours("domain " + name, domain->uuid)) continue;
      Remove(libvirt, "domain " + name, [name](LibvirtConnection& own) {
        own.DestroyDomain(name);
        own.UndefineDomain(name);
      });
    }
    for (const std::string& name : lease_.networks) {
      const auto* network = after.FindNetwork(name);
      if (network == nullptr || !is_ours("network " + name, network->uuid)) continue;
      Remove(libvirt, "network " + name, [name](LibvirtConnection& own) { own.RemoveNetwork(name); });
    }
    for (const std::string& name : lease_.pools) {
      const auto* pool = after.FindPool(name);
      if (pool == nullptr || !is_ours("pool " + name, pool->uuid)) continue;
      Remove(libvirt, "pool " + name, [name](LibvirtConnection& own) { own.RemovePool(name, true); });
    }
  }

  void Remove(const LibvirtConnection& libvirt, const std::string& what,
              const std::function<void(LibvirtConnection&)>& remove) {
    try {
      RunBy(Limit(kRemoveLimit), "removing " + what,
            [remove, own = std::make_shared<LibvirtConnection>(libvirt.Another())] { remove(*own); });
      report_.reaped.push_back(what);
      progress_.Line(fmt::format("removed {}, which the deployer had left", what));
    } catch (const Error& error) {
      report_.reap_error += (report_.reap_error.empty() ? "" : "\n") + (what + ": " + error.what());
    }
  }

  void BringHostDown() {
    progress_.Begin("bringing the host down");
    report_.host_error = Run(lease_.host_down, run_.HostStopLog(), kHostDownLimit);
    if (!report_.host_error.empty() && HostIsKnownDown(lease_.host_status)) report_.host_error.clear();
    const bool left_up = report_.host_error.empty() && AskForHostState(lease_.host_status) == HostState::kUp;
    progress_.End(!report_.host_error.empty() ? "the host did not go down"
                  : left_up                   ? "the host stays up: another brought it up"
                                              : "host is down");
  }

  const RunDirectory& run_;
  Lease lease_;
  Progress& progress_;
  const seconds connect_limit_;
  TeardownReport report_;
};

}  // namespace

TeardownReport TearDown(const RunDirectory& run, Progress& progress, seconds connect_limit) {
  const TeardownLock lock(run, progress);
  if (!IsLeased(run.path())) {
    // Of a run directory that was deleted, what had been kept went with the lease.
    return LookFor(run.path()) != Presence::kGone ? ReadTeardownReport(run) : TeardownReport{};
  }
  const Lease lease = ReadRunLease(run);
  Teardown teardown(run, lease, progress, connect_limit);
  // Somebody was killed between the cluster's end and the host's: what was noted of it holds.
  if (!lease.deployed && LookFor(ReportPath(run)) == Presence::kThere) teardown.Continue(ReadTeardownReport(run));
  const TeardownReport report = teardown.Do();
  try {
    WriteReport(run, report);
  } catch (const Error& error) {
    progress.Line(Printable(error.what()));
  }
  // A host that is gone has nothing left on it.
  const bool host_is_down = !lease.host_down.empty() && report.host_error.empty();
  if (report.NothingRemains() || host_is_down) EndLease(run);
  return report;
}

TeardownReport ReadTeardownReport(const RunDirectory& run) {
  try {
    return nlohmann::json::parse(ReadFile(ReportPath(run))).get<TeardownReport>();
  } catch (const std::exception& error) {
    throw EvidenceError(fmt::format("the cluster was not torn down: {}", error.what()));
  }
}

}  // namespace passthrough
