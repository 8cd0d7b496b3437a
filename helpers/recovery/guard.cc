#include "helpers/recovery/guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "helpers/base/descriptor.h"
#include "helpers/base/error.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/connection.h"
#include "helpers/recovery/hypervisor_claim.h"
#include "helpers/recovery/reattach.h"
#include "helpers/recovery/teardown.h"
#include "helpers/rundir/progress.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {
namespace {

constexpr int kRecordPollMilliseconds = 1000;
constexpr std::chrono::seconds kSignOfLife{10};
constexpr std::chrono::seconds kTeardownConnectLimit{30};
// Between attempts on a record that cannot be read or locked; each is twice the one before. About five minutes in all.
constexpr std::chrono::seconds kFirstPause{5};
constexpr std::chrono::seconds kLastPause{160};

// Owns posix_spawn's file actions.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// Those that the guard ignores. SIGPIPE: libvirt's client writes to an ssh that may be gone.
sigset_t IgnoredSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&signals, signal);
  return signals;
}

// Owns posix_spawn's attributes: a session of its own, every signal at its default; those that the guard is to ignore
// wait until it does.
class DetachedAttributes {
 public:
  DetachedAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    signals = IgnoredSignals();
    posix_spawnattr_setsigmask(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~DetachedAttributes() { posix_spawnattr_destroy(&attributes_); }
  DetachedAttributes(const DetachedAttributes&) = delete;
  DetachedAttributes& operator=(const DetachedAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// While it lives, a run's claim at the hypervisor shows that the run lives, and what its create has made.
class ClaimKeeper {
 public:
  explicit ClaimKeeper(const RunDirectory& run)
      : run_(run), thread_([this](const std::stop_token& stop) { Keep(stop); }) {}

 private:
  void Keep(const std::stop_token& stop) {
    auto next = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
      try {
        const TeardownRecord record = ReadRecordOf(run_);
        // A host that goes down takes the claim with it.
        const bool has_claim = record.claimed && record.host_down.empty();
        if (has_claim && (MustWatchCreate(record) || std::chrono::steady_clock::now() >= next)) {
          Refresh(record);
          next = std::chrono::steady_clock::now() + kSignOfLife;
        }
      } catch (const Error&) {  // of the claim the run or its teardown speaks, if it matters to them
        libvirt_.reset();
        next = std::chrono::steady_clock::now() + kSignOfLife;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(kRecordPollMilliseconds));
    }
  }

  void Refresh(const TeardownRecord& record) {
    const Deadline deadline = Deadline::After(kSignOfLife).Uninterruptible();
    if (!libvirt_) {
      libvirt_ = std::make_shared<LibvirtConnection>(LibvirtConnection::Open(record.libvirt_uri, deadline));
    }
    RunWithDeadline(deadline, "the sign of life", [record, libvirt = libvirt_] { RefreshClaim(*libvirt, record); });
  }

  const RunDirectory& run_;
  std::shared_ptr<LibvirtConnection> libvirt_;
  std::jthread thread_;
};

// Waits until `watched` ended (true) or nothing is pending any more (false).
bool WaitForOrphan(const RunDirectory& run, pid_t watched) {
  // glibc 2.36 has a wrapper, older ones do not (pidfd_open(2)).
  const Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, watched, 0)));
  bool ended = !pidfd;
  bool pending = IsTeardownPending(run.path());
  while (pending && !ended) {
    pollfd descriptor{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    ended = poll(&descriptor, 1, kRecordPollMilliseconds) > 0;
    pending = IsTeardownPending(run.path());
  }
  return pending;
}

int Fail(const std::exception& error) {
  std::fprintf(stderr, "guard: %s\n", error.what());
  return 1;
}

// Returns whether nothing remains.
bool DoPendingWork(const RunDirectory& watched_run, pid_t watched, Progress& progress) {
  if (!IsTeardownPending(watched_run.path())) return true;
  const RunDirectory run = RecordHome(watched_run);
  const TeardownRecord record = ReadRecordOf(run);
  if (record.ClusterStays()) {
    progress.Line(fmt::format("process {} ended; the cluster of {} stays", watched, record.config));
    return record.unplugged.empty() || ReattachGpus(run, progress);
  }
  progress.Line(fmt::format("process {} ended and left the record of {}: tearing down", watched, run.path().string()));
  return TearDown(run, progress, kTeardownConnectLimit, RunEnded::kJustNow).NothingRemains();
}

}  // namespace

void StartGuard(const RunDirectory& run, pid_t watched) {
  // Not whatever runs now: a test that was started as its own guard would start its guard, and so on without end.
  const std::string suite =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "passthrough-suite").string();
  const std::string watched_text = std::to_string(watched);
  const std::vector<std::string> words{suite, "--guard", run.path().string(), "--watch", watched_text};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  FileActions actions;
  posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(actions.get(), 1, run.GuardLog().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(actions.get(), 1, 2);
  // So that nobody who reads our output to its end waits for the guard.
  posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  const DetachedAttributes attributes;
  pid_t guard = 0;
  const int error = posix_spawn(&guard, suite.c_str(), actions.get(), attributes.get(), argv.data(), environ);
  if (error != 0) throw Error(fmt::format("cannot start the guard {}: {}", suite, strerror(error)));
}

int RunGuard(const RunDirectory& watched_run, pid_t watched) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  const sigset_t ignored = IgnoredSignals();
  pthread_sigmask(SIG_UNBLOCK, &ignored, nullptr);  // what waited is dropped
  const ClaimKeeper keeper(watched_run);            // also while it tears down: nobody else does, then
  if (!WaitForOrphan(watched_run, watched)) return 0;
  Progress progress(stdout, true);
  for (std::chrono::seconds pause = kFirstPause;; pause *= 2) {
    try {
      return DoPendingWork(watched_run, watched, progress) ? 0 : 1;
    } catch (const EvidenceError& error) {  // what is in the record stays as it is
      return Fail(error);
    } catch (const TimeoutError& error) {  // who has its lock was waited for long enough
      return Fail(error);
    } catch (const std::exception& error) {
      Fail(error);
      if (pause > kLastPause) return 1;
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace passthrough
