#include "helpers/process/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <utility>

#include "helpers/base/descriptor.h"
#include "helpers/base/text.h"
#include "helpers/process/child_output.h"
#include "helpers/process/find_program.h"
#include "helpers/process/launch.h"
#include "helpers/process/process_group.h"

namespace passthrough {
namespace {

constexpr int kCheckAgain = 100;                   // ms: how soon an interruption is noticed
constexpr std::chrono::seconds kLeftoverGrace{2};  // for what the child left behind
constexpr std::chrono::seconds kKillLimit{5};      // for SIGKILL to take effect

// A started child with its output. Ends the whole group when destroyed, whatever happened.
class RunningChild {
 public:
  RunningChild(LaunchOptions launch, const ChildOptions& options)
      : output_(options.log, options.on_line, options.most_kept) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      throw ProcessError(fmt::format("cannot make a pipe for {}: {}", launch.program.string(), strerror(errno)));
    }
    pipe_.Reset(ends[0]);
    fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
    const Descriptor write_end(ends[1]);
    launch.output = write_end.get();
    id_ = Launch(launch);
    handle_.Reset(static_cast<int>(syscall(SYS_pidfd_open, id_, 0)));
    if (handle_.get() >= 0) return;
    const std::string reason = strerror(errno);
    SignalGroup(id_, SIGKILL);
    Reap();  // this object's destructor does not run
    throw ProcessError(fmt::format("cannot watch {}: {}", launch.program.string(), reason));
  }

  ~RunningChild() {
    if (reaped_) return;
    SignalGroup(id_, SIGKILL);
    const Deadline deadline = Deadline::After(kKillLimit);
    while (!LiveMembers(id_).empty()) {
      // What SIGKILL does not end is left to init rather than waited for without a limit.
      if (deadline.Passed()) return;
      poll(nullptr, 0, 1);
    }
    Reap();
  }

  pid_t id() const { return id_; }

  // Passes on output until there is none or the child ended or `milliseconds` went by. Returns
  // false once the child ended; it stays unreaped, so that its id still names its group.
  bool Pump(int milliseconds) {
    pollfd sources[] = {{pipe_.get(), POLLIN, 0}, {handle_.get(), POLLIN, 0}};
    poll(sources, 2, milliseconds);
    if (sources[0].revents != 0) ReadOnce();
    return sources[1].revents == 0;
  }

  // Signals the group, and passes on its output until no member is left or `limit` went by. Returns
  // whether none is left.
  bool EndGroup(int signal, Deadline::Clock::duration limit) {
    const Deadline deadline = Deadline::After(limit);
    SignalGroup(id_, signal);
    int pause = 1;
    while (!LiveMembers(id_).empty()) {
      if (deadline.Passed()) return false;
      pollfd source = {pipe_.get(), POLLIN, 0};
      // The pipe alone: the child's handle stays readable once it ended.
      if (poll(&source, 1, deadline.LeftMilliseconds(pause)) > 0) ReadOnce();
      pause = std::min(2 * pause, 50);
    }
    return true;
  }

  // What is in the pipe now. Somebody outside the group may hold its other end for ever.
  void Drain() {
    constexpr int kMostReads = 32;  // of 64 KiB: more than a pipe holds
    for (int i = 0; i < kMostReads && ReadOnce(); ++i) {
    }
  }

  // The status as waitpid(2) has it.
  int Reap() {
    int status = 0;
    while (waitpid(id_, &status, 0) == -1 && errno == EINTR) {
    }
    reaped_ = true;
    return status;
  }

  std::string Finish() { return output_.Finish(); }

 private:
  bool ReadOnce() {
    if (pipe_.get() < 0) return false;
    const ssize_t count = read(pipe_.get(), buffer_, sizeof buffer_);
    if (count < 0) return errno == EINTR;
    if (count == 0) {
      pipe_.Reset();  // poll(2) passes over the descriptor -1
      return false;
    }
    output_.Add(std::string_view(buffer_, static_cast<size_t>(count)));
    return true;
  }

  ChildOutput output_;
  Descriptor pipe_;
  Descriptor handle_;  // pidfd: readable when the child ended
  pid_t id_ = -1;
  bool reaped_ = false;
  char buffer_[65536];
};

LaunchOptions PrepareLaunch(const std::vector<std::string>& argv, const ChildOptions& options) {
  if (argv.empty() || argv.front().empty()) throw ProcessError("no command given to run");
  const auto& directory = options.working_directory;
  std::error_code ignored;  // a directory that cannot be looked at is none for us
  if (!directory.empty() && !std::filesystem::is_directory(directory, ignored)) {
    throw ProcessError(
        fmt::format("cannot start {}: working directory {} is not a directory", argv.front(), directory.string()));
  }
  LaunchOptions launch;
  launch.program = ResolveProgram(argv.front(), directory, options.environment);
  launch.arguments.assign(argv.begin() + 1, argv.end());
  launch.working_directory = directory;
  launch.environment = options.environment;
  launch.ends_with_us = true;
  return launch;
}

// Throws ProcessError if processes of the group outlived SIGKILL (another user's, or stuck in the
// kernel, as a QEMU whose device does not come back).
void RequireEnded(const std::string& program, pid_t group) {
  std::vector<std::string> names;
  for (const auto& member : LiveMembers(group)) {
    names.push_back(fmt::format("{} (pid {})", Printable(member.name), member.id));
  }
  if (names.empty()) return;
  throw ProcessError(fmt::format("{}: still running after SIGKILL: {}", program, JoinForHumans(names)));
}

}  // namespace

std::string ChildResult::HowItEnded() const {
  if (timed_out) return fmt::format("no end after {}, killed", HumanSeconds(seconds));
  if (signal != 0) {
    const char* name = sigabbrev_np(signal);
    return name != nullptr ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", signal);
  }
  return fmt::format("exit status {}", exit_status);
}

ChildResult RunChild(const std::vector<std::string>& argv, const ChildOptions& options, const Deadline& deadline) {
  const auto begin = Deadline::Clock::now();
  RunningChild child(PrepareLaunch(argv, options), options);
  if (options.on_start) options.on_start(child.id());
  ChildResult result;
  std::exception_ptr interruption;
  try {
    do {
      deadline.Check(argv.front());
    } while (child.Pump(deadline.LeftMilliseconds(kCheckAgain)));
  } catch (const TimeoutError&) {
    result.timed_out = true;
  } catch (const InterruptedError&) {
    interruption = std::current_exception();
  }
  child.Drain();
  const bool stopped = result.timed_out || interruption != nullptr;
  if (!child.EndGroup(SIGTERM, stopped ? options.grace : std::min(options.grace, kLeftoverGrace)) &&
      !child.EndGroup(SIGKILL, kKillLimit)) {
    RequireEnded(argv.front(), child.id());
  }
  child.Drain();
  const int status = child.Reap();
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  result.output = child.Finish();
  result.seconds = SecondsSince(begin);
  if (interruption != nullptr) std::rethrow_exception(interruption);
  return result;
}

}  // namespace passthrough
