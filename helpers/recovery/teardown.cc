#include "helpers/recovery/teardown.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "helpers/base/descriptor.h"
#include "helpers/base/escapes.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/process/child_process.h"
#include "helpers/recovery/host_status.h"
#include "helpers/recovery/hypervisor_claim.h"
#include "helpers/recovery/reattach.h"
#include "helpers/recovery/teardown_scope.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"
#include "helpers/teardown_record/teardown_lock.h"

namespace passthrough {
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

// One teardown under way.
class Teardown {
 public:
  Teardown(const RunDirectory& run, TeardownRecord record, Progress& progress, seconds connect_limit, RunEnded ended)
      : run_(run),
        teardown_record_(std::move(record)),
        progress_(progress),
        connect_limit_(connect_limit),
        ended_(ended) {}

  // Goes on from what an earlier teardown found.
  void Continue(TeardownReport report) { report_ = std::move(report); }

  TeardownReport Do() {
    // Until now nobody but this run made the names that it claimed.
    was_creating_ =
        IsCreating(teardown_record_) &&
        (ended_ == RunEnded::kJustNow || IsAlive(teardown_record_.command) || IsAlive(teardown_record_.owner));
    // A command of a suite that was killed: it would go on making what is taken down here.
    EndGroupOf(teardown_record_.command);
    if (teardown_record_.deployed) {
      TakeClusterDown();
    } else if (!teardown_record_.unplugged.empty()) {  // --destroy of a run that only attached
      AbandonDetachedGpus(teardown_record_, progress_);
      SaveRecord();
    }
    if (HostGoesDown()) {
      BringHostDown();
    } else if (teardown_record_.claimed && report_.NothingRemains()) {
      RemoveClaim();
    }
    return report_;
  }

 private:
  Deadline Limit(seconds limit) const { return Deadline::After(limit).Uninterruptible(); }

  void TakeClusterDown() {
    if (!FindForeignObjects()) {
      if (HostIsKnownDown(teardown_record_.host_status)) return FindTheHostDown();
      if (!LibvirtComesBack() || !FindForeignObjects()) {
        progress_.Line(Printable(report_.look_error));
        return;
      }
    }
    if (MayRunDestroy()) RunDestroy();
    if (!report_.destroy_error.empty() && !LibvirtAnswers()) {
      if (HostIsKnownDown(teardown_record_.host_status)) return FindTheHostDown();
      if (LibvirtComesBack()) {
        report_.destroy_error.clear();
        if (!FindForeignObjects()) return;
        if (MayRunDestroy()) RunDestroy();
      }
    }
    RemoveLeftovers();
    // Whoever is killed from here on leaves the host alone to be brought down, which may be half done.
    if (report_.NothingRemains()) RecordThatTheClusterIsGone();
  }

  // What is taken down must not depend on room on the disk.
  void TryToWrite(const std::function<void()>& write) {
    try {
      write();
    } catch (const Error& error) {
      progress_.Line(Printable(error.what()));
    }
  }

  void SaveRecord() {
    TryToWrite([this] { UpdateRecordOf(run_, teardown_record_); });
  }

  void RecordThatTheClusterIsGone() {
    teardown_record_.command = {};
    teardown_record_.deployed = false;
    TryToWrite([this] { WriteTeardownReport(run_, report_); });
    SaveRecord();
  }

  void FindTheHostDown() {
    report_.look_error.clear();
    progress_.Line("the host is down: nothing is left on it");
    RecordThatTheClusterIsGone();
  }

  // On a host that goes down after the run, all is the run's.
  bool HostGoesDown() const { return !teardown_record_.host_down.empty(); }

  // It goes by names: not where others have some of them, nor where a create that did not succeed made nothing.
  bool MayRunDestroy() const {
    return HostGoesDown() ||
           (report_.left_alone.empty() && !takes_others_ && (something_is_there_ || teardown_record_.created));
  }

  // On a host that stays, names may have been given anew since: after a kill or --no-cleanup, days may have passed.
  // False (and look_error) where that cannot be seen: the deployer's destroy, which goes by names, could reach others'
  // by then.
  bool FindForeignObjects() {
    report_.look_error.clear();
    if (HostGoesDown()) return true;
    try {
      auto libvirt = LibvirtConnection::Open(teardown_record_.libvirt_uri, Limit(connect_limit_));
      const Inventory now = libvirt.TakeInventory(Limit(kInventoryLimit));
      if (IsCreating(teardown_record_)) LearnWhatWasMade(libvirt, now);
      report_.left_alone = ForeignObjectsIn(teardown_record_, now);
      something_is_there_ = ObjectsOf(teardown_record_, now).size() > report_.left_alone.size();
      const std::vector<std::string> others = OthersThatDestroyTakes(teardown_record_, now);
      takes_others_ = !others.empty();
      for (const std::string& name : others) {
        progress_.Line(Printable(fmt::format(
            "domain {} is not the run's, and by its name ai-how's destroy would remove it, too: not called. What this "
            "run created is removed by UUID",
            name)));
      }
      for (const std::string& what : report_.left_alone) {
        progress_.Line("left alone, for nothing says that this run created it: " +
                       WithRemoval(what, teardown_record_.libvirt_uri));
      }
      return true;
    } catch (const Error& error) {  // one that hangs is a TimeoutError
      report_.look_error = fmt::format(
          "what was created by this run cannot be distinguished from what was not, so nothing was "
          "destroyed: {}",
          error.what());
      return false;
    }
  }

  // The create did not end, or nobody was left to write down that it had.
  void LearnWhatWasMade(LibvirtConnection& libvirt, const Inventory& now) {
    auto& made = teardown_record_.made;
    made.merge(MadeByClaim(libvirt, teardown_record_));
    if (was_creating_ && !AnotherHolds(libvirt, teardown_record_)) made.merge(ObjectsOf(teardown_record_, now));
    teardown_record_.create_ended = true;
    SaveRecord();
  }

  // Runs one command to its end; returns why it failed, or nothing.
  std::string Run(const std::vector<std::string>& argv, const std::filesystem::path& log, seconds limit) {
    try {
      ChildOptions options;
      if (CanAppendTo(log)) options.log = log;
      options.working_directory = teardown_record_.working_directory;
      options.environment = DeployerEnvironment(teardown_record_.libvirt_uri);
      options.on_line = [this](std::string_view line) { progress_.Say(WithoutEscapes(line)); };
      options.on_start = [this](int pid) {  // this process may be killed, too
        teardown_record_.command = IdentityOf(pid);
        SaveRecord();
      };
      const ChildResult result = RunChild(argv, options, Limit(limit));
      if (result.Succeeded()) return {};
      return fmt::format("{}: {} (see {}):\n{}", fmt::join(argv, " "), result.HowItEnded(), run_.Relative(log),
                         Printable(LastLines(WithoutEscapes(result.output), kLinesInMessage)));
    } catch (const Error& error) {
      return error.what();
    }
  }

  static bool CanAppendTo(const std::filesystem::path& log) {
    return static_cast<bool>(Descriptor(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)));
  }

  void RunDestroy() {
    progress_.Begin("destroying the cluster");
    for (const auto& argv : DestroyCommands(teardown_record_, run_)) {
      const std::string error = Run(argv, run_.ClusterDestroyLog(), seconds(teardown_record_.destroy_seconds));
      if (!error.empty()) report_.destroy_error += (report_.destroy_error.empty() ? "" : "\n") + error;
    }
    progress_.End(report_.destroy_error.empty() ? "destroyed" : "the deployer's destroy failed");
  }

  bool LibvirtAnswers() const {
    try {
      LibvirtConnection::Open(teardown_record_.libvirt_uri, Limit(connect_limit_));
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

  void RemoveLeftovers() {
    progress_.Begin("looking for leftovers");
    try {
      auto libvirt = LibvirtConnection::Open(teardown_record_.libvirt_uri, Limit(connect_limit_));
      const Inventory after = SettledInventory(libvirt);
      Reap(libvirt, after);
      TryToWrite([&] { WriteFile(run_.HostAfter(), ToJson(after)); });
      progress_.End(report_.reaped.empty() ? "nothing is left of the cluster" : "removed what the deployer had left");
    } catch (const Error& error) {
      report_.look_error = error.what();
      progress_.End("the host cannot be checked for leftovers");
    }
  }

  // The inventory once it equals the one before the run, or the last one seen.
  Inventory SettledInventory(LibvirtConnection& libvirt) {
    std::optional<Inventory> before;
    if (StatFile(run_.HostBefore()) == FileStatus::kThere) {
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
    // Domains before networks before pools, as they use each other; that is also the order of their words.
    for (const auto& [what, uuid] : ObjectsOf(teardown_record_, after)) {
      const auto made = teardown_record_.made.find(what);
      const bool is_ours = made != teardown_record_.made.end() && made->second == uuid;
      if (!is_ours && !HostGoesDown()) continue;
      Remove(libvirt, what, [what = what, uuid = uuid](LibvirtConnection& own) { RemoveObject(own, what, uuid); });
    }
  }

  void RemoveClaim() {
    try {
      auto libvirt = LibvirtConnection::Open(teardown_record_.libvirt_uri, Limit(connect_limit_));
      RunWithDeadline(Limit(kRemoveLimit), "removing the claim",
                      [uuid = teardown_record_.claim_uuid, own = std::make_shared<LibvirtConnection>(libvirt.Share())] {
                        own->RemoveDomainWithUuid(uuid);
                      });
    } catch (const Error& error) {
      report_.reap_error = fmt::format("the claim {} is still there: {}", teardown_record_.claim_name, error.what());
    }
  }

  void Remove(const LibvirtConnection& libvirt, const std::string& what,
              const std::function<void(LibvirtConnection&)>& remove) {
    try {
      RunWithDeadline(Limit(kRemoveLimit), "removing " + what,
                      [remove, own = std::make_shared<LibvirtConnection>(libvirt.Share())] { remove(*own); });
      report_.reaped.push_back(what);
      progress_.Line(fmt::format("removed {}, which the deployer had left", what));
    } catch (const Error& error) {
      report_.reap_error += (report_.reap_error.empty() ? "" : "\n") + (what + ": " + error.what());
    }
  }

  void BringHostDown() {
    progress_.Begin("bringing the host down");
    report_.host_error = Run(teardown_record_.host_down, run_.HostStopLog(), kHostDownLimit);
    if (!report_.host_error.empty() && HostIsKnownDown(teardown_record_.host_status)) report_.host_error.clear();
    const bool left_up = report_.host_error.empty() && AskForHostState(teardown_record_.host_status) == HostState::kUp;
    progress_.End(!report_.host_error.empty() ? "the host did not go down"
                  : left_up                   ? "the host stays up: another brought it up"
                                              : "host is down");
  }

  const RunDirectory& run_;
  TeardownRecord teardown_record_;
  Progress& progress_;
  const seconds connect_limit_;
  const RunEnded ended_;
  bool was_creating_ = false;
  bool something_is_there_ = false;
  bool takes_others_ = false;  // the destroy would remove what is not the run's
  TeardownReport report_;
};

}  // namespace

TeardownReport TearDown(const RunDirectory& run, Progress& progress, seconds connect_limit, RunEnded ended) {
  const TeardownLock lock(run, progress);
  if (!IsTeardownPending(run.path())) {
    // Of a run directory that was deleted, what had been kept went with the record.
    return StatFile(run.path()) != FileStatus::kGone ? ReadTeardownReport(run) : TeardownReport{};
  }
  const TeardownRecord record = ReadRecordOf(run);
  Teardown teardown(run, record, progress, connect_limit, ended);
  // A process was killed between the cluster's end and the host's: what was noted of it holds.
  if (!record.deployed && HasTeardownReport(run)) teardown.Continue(ReadTeardownReport(run));
  TeardownReport report = teardown.Do();
  try {
    WriteTeardownReport(run, report);
  } catch (const Error& error) {
    progress.Line(Printable(error.what()));
  }
  // A host that is gone has nothing left on it.
  const bool host_is_down = !record.host_down.empty() && report.host_error.empty();
  if (report.NothingRemains() || host_is_down) CloseTeardownRecord(run);
  return report;
}

}  // namespace passthrough
