#include "helpers/run/guard.h"

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
#include <string>
#include <thread>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/run/lease.h"
#include "helpers/run/lease_home.h"
#include "helpers/run/owed_gpus.h"
#include "helpers/run/progress.h"
#include "helpers/run/teardown.h"

extern char** environ;

namespace passthrough {
namespace {

constexpr int kLookForLeaseEveryMilliseconds = 1000;
// Between attempts on a lease that cannot be read or locked; each is twice the one before. About five minutes in all.
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

// Those that the guard heeds never. SIGPIPE: libvirt's client writes to an ssh that may be gone.
sigset_t UnheededSignals() {
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
    signals = UnheededSignals();
    posix_spawnattr_setsigmask(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETSIGMASK);
  }
  ~DetachedAttributes() { posix_spawnattr_destroy(&attributes_); }
  DetachedAttributes(const DetachedAttributes&) = delete;
  DetachedAttributes& operator=(const DetachedAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// Waits until `watched` ended (true) or the lease is gone (false).
bool WaitForOrphan(const RunDirectory& run, pid_t watched) {
  // glibc 2.36 has a wrapper, older ones do not (pidfd_open(2)).
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, watched, 0));
  bool ended = pidfd < 0;
  bool leased = IsLeased(run.path());
  while (leased && !ended) {
    pollfd descriptor{.fd = pidfd, .events = POLLIN, .revents = 0};
    ended = poll(&descriptor, 1, kLookForLeaseEveryMilliseconds) > 0;
    leased = IsLeased(run.path());
  }
  if (pidfd >= 0) close(pidfd);
  return leased;
}

int Fail(const std::exception& error) {
  std::fprintf(stderr, "guard: %s\n", error.what());
  return 1;
}

// Returns whether nothing remains.
bool DoWhatIsOwed(const RunDirectory& watched_run, pid_t watched, Progress& progress) {
  if (!IsLeased(watched_run.path())) return true;
  const RunDirectory run = LeaseHome(watched_run);
  const Lease lease = ReadRunLease(run);
  if (lease.ClusterStays()) {
    progress.Line(fmt::format("process {} ended; the cluster of {} stays", watched, lease.config));
    return lease.unplugged.empty() || GiveGpusBack(run, progress);
  }
  progress.Line(
      fmt::format("process {} ended and left the lease of {}: tearing down", watched, run.path().string()));
  return TearDown(run, progress).NothingRemains();
}

}  // namespace

void StartGuard(const RunDirectory& run, pid_t watched) {
  // Not whatever runs now: a test that was started as its own guard would start its guard, and so on without end.
  const std::string suite =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "passthrough-suite").string();
  const std::string watched_text = std::to_string(watched);
  const std::vector<std::string> words{suite, "--guard", run.path().string(), "--watch", watched_text};
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  FileActions actions;
  posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(actions.get(), 1, run.GuardLog().c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(actions.get(), 1, 2);
  // So that nobody who reads our output to its end waits for the guard.
  posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  const DetachedAttributes attributes;
  pid_t guard = 0;
  const int error =
      posix_spawn(&guard, suite.c_str(), actions.get(), attributes.get(), argv.data(), environ);
  if (error != 0) throw Error(fmt::format("cannot start the guard {}: {}", suite, strerror(error)));
}

int RunGuard(const RunDirectory& watched_run, pid_t watched) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  const sigset_t unheeded = UnheededSignals();
  pthread_sigmask(SIG_UNBLOCK, &unheeded, nullptr);  // what waited is dropped
  if (!WaitForOrphan(watched_run, watched)) return 0;
  Progress progress(stdout, true);
  for (std::chrono::seconds pause = kFirstPause;; pause *= 2) {
    try {
      return DoWhatIsOwed(watched_run, watched, progress) ? 0 : 1;
    } catch (const EvidenceError& error) {  // what is in the lease stays as it is
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
