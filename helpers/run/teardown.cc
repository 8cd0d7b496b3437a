#include "helpers/run/teardown.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/process/child_process.h"
#include "helpers/run/run_registry.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TeardownReport, destroy_error, look_error, reaped, reap_error,
                                   host_error)

namespace {

using std::chrono::seconds;

constexpr int kLinesInMessage = 5;
constexpr seconds kConnectLimit{30};
// For a hypervisor that went away, such as a libvirtd that restarts.
constexpr seconds kComeBackLimit{90};
// A function goes back to its host driver and a tap device goes away a moment after destroy returned.
constexpr seconds kSettleLimit{10};
constexpr seconds kHostDownLimit{120};

std::filesystem::path ReportPath(const RunDirectory& run) {
  return run.Evidence() / "host" / "teardown.json";
}

// Holds an exclusive lock on the run directory: one teardown at a time.
class TeardownLock {
 public:
  explicit TeardownLock(const RunDirectory& run)
      : fd_(open(run.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) {
      const std::string reason = strerror(errno);
      if (fd_ >= 0) close(fd_);
      throw Error(fmt::format("cannot lock {}: {}", run.path().string(), reason));
    }
  }
  ~TeardownLock() { close(fd_); }
  TeardownLock(const TeardownLock&) = delete;
  TeardownLock& operator=(const TeardownLock&) = delete;

 private:
  int fd_;
};

// One teardown under way.
class Teardown {
 public:
  Teardown(const RunDirectory& run, Lease lease, Progress& progress)
      : run_(run), lease_(std::move(lease)), progress_(progress) {}

  TeardownReport Do() {
    // A command of a suite that was killed: it would go on making what is taken down here.
    EndGroupOf(lease_.command);
    if (lease_.deployed) {
      RunDestroy();
      if (!report_.destroy_error.empty() && !LibvirtAnswers() && LibvirtComesBack()) {
        report_.destroy_error.clear();
        RunDestroy();
      }
      Look();
      // Whoever is killed from here on leaves the host alone to be brought down, which may be half done.
      if (report_.NothingRemains()) RecordThatTheClusterIsGone();
    }
    if (!lease_.host_down.empty()) BringHostDown();
    return report_;
  }

 private:
  Deadline Limit(seconds limit) const { return Deadline::After(limit).Uninterruptible(); }

  // Runs one command to its end; returns why it failed, or nothing.
  std::string Run(const std::vector<std::string>& argv, const std::filesystem::path& log,
                  seconds limit) {
    try {
      ChildOptions options;
      options.log = log;
      options.working_directory = lease_.working_directory;
      options.on_line = [this](std::string_view line) { progress_.Say(line); };
      options.on_start = [this](int pid) {  // this process may be killed, too
        lease_.command = IdentityOf(pid);
        WriteLease(run_.LeaseJson(), lease_);
      };
      const ChildResult result = RunChild(argv, options, Limit(limit));
      if (result.Succeeded()) return {};
      return fmt::format("{}: {} (see {}):\n{}", fmt::join(argv, " "), result.HowItEnded(),
                         run_.Relative(log), Printable(LastLines(result.output, kLinesInMessage)));
    } catch (const Error& error) {
      return error.what();
    }
  }

  void RecordThatTheClusterIsGone() {
    lease_.command = {};
    lease_.deployed = false;
    WriteLease(run_.LeaseJson(), lease_);
  }

  void RunDestroy() {
    progress_.Begin("destroying the cluster");
    for (const auto& argv : lease_.destroy) {
      const std::string error =
          Run(argv, run_.ClusterDestroyLog(), seconds(lease_.destroy_seconds));
      if (!error.empty()) report_.destroy_error += (report_.destroy_error.empty() ? "" : "\n") + error;
    }
    progress_.End(report_.destroy_error.empty() ? "destroyed" : "the deployer's destroy failed");
  }

  bool LibvirtAnswers() const {
    try {
      LibvirtConnection::Open(lease_.libvirt_uri, Limit(kConnectLimit));
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  bool LibvirtComesBack() {
    progress_.Begin("waiting for libvirt, which does not answer");
    const Deadline deadline = Limit(kComeBackLimit);
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
      auto libvirt = LibvirtConnection::Open(lease_.libvirt_uri, Limit(kConnectLimit));
      const Inventory after = SettledInventory(libvirt);
      WriteFile(run_.HostAfter(), ToJson(after));
      Reap(libvirt, after);
      progress_.End(report_.reaped.empty() ? "nothing is left of the cluster"
                                           : "removed what the deployer had left");
    } catch (const Error& error) {
      report_.look_error = error.what();
      progress_.End("could not look at the host");
    }
  }

  // The inventory once it equals the one before the run, or the last one seen.
  Inventory SettledInventory(LibvirtConnection& libvirt) {
    const Inventory before = InventoryFromJson(ReadFile(run_.HostBefore()));
    const Deadline deadline = Limit(kSettleLimit);
    BackOff back_off;
    while (true) {
      Inventory now = libvirt.TakeInventory();
      if (deadline.Passed() || DescribeDifferences(before, now).empty()) return now;
      back_off.Sleep(deadline);
    }
  }

  void Reap(LibvirtConnection& libvirt, const Inventory& after) {
    for (const std::string& name : lease_.domains) {
      if (after.FindDomain(name) == nullptr) continue;
      Remove("domain " + name, [&] {
        libvirt.DestroyDomain(name);
        libvirt.UndefineDomain(name);
      });
    }
    for (const std::string& name : lease_.networks) {
      if (after.FindNetwork(name) == nullptr) continue;
      Remove("network " + name, [&] { libvirt.RemoveNetwork(name); });
    }
    for (const std::string& name : lease_.pools) {
      if (after.FindPool(name) == nullptr) continue;
      Remove("pool " + name, [&] { libvirt.RemovePool(name, true); });
    }
  }

  void Remove(const std::string& what, const std::function<void()>& remove) {
    try {
      remove();
      report_.reaped.push_back(what);
      progress_.Line(fmt::format("removed {}, which the deployer had left", what));
    } catch (const LibvirtError& error) {
      report_.reap_error += (report_.reap_error.empty() ? "" : "\n") + (what + ": " + error.what());
    }
  }

  void BringHostDown() {
    progress_.Begin("bringing the host down");
    report_.host_error = Run(lease_.host_down, run_.HostStopLog(), kHostDownLimit);
    progress_.End(report_.host_error.empty() ? "host is down" : "the host did not go down");
  }

  const RunDirectory& run_;
  Lease lease_;
  Progress& progress_;
  TeardownReport report_;
};

void EndLease(const RunDirectory& run) {
  std::filesystem::remove(run.LeaseJson());
  RunRegistry().Remove(run.path());
}

}  // namespace

TeardownReport TearDown(const RunDirectory& run, Progress& progress) {
  const TeardownLock lock(run);
  if (!std::filesystem::exists(run.LeaseJson())) return ReadTeardownReport(run);
  const Lease lease = ReadLease(run.LeaseJson());
  const TeardownReport report = Teardown(run, lease, progress).Do();
  WriteFile(ReportPath(run), nlohmann::json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
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
