#include "helpers/process/launch.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

// Boost.Process of Boost 1.81 uses these without including them.
#include <boost/asio/io_context.hpp>
#include <boost/optional.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>
#include <boost/type_traits/decay.hpp>
#include <boost/type_traits/is_convertible.hpp>
#include <boost/utility/string_view.hpp>

#include "helpers/base/descriptor_limit.h"
#include "helpers/base/error.h"

namespace passthrough {
namespace {

namespace process = boost::process::v2;
using process::posix::default_launcher;

// The child's own environment: Boost takes an array like environ.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& changes) {
    for (const auto& [name, value] : changes) entries_.push_back(name + "=" + value);
    for (const auto& entry : entries_) pointers_.push_back(entry.c_str());
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view name_and_value = *entry;
      const std::string name(name_and_value.substr(0, name_and_value.find('=')));
      if (!changes.contains(name)) pointers_.push_back(*entry);
    }
    pointers_.push_back(nullptr);
  }
  const char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> entries_;
  std::vector<const char*> pointers_;
};

// What Boost's launcher leaves to do in the child. Runs between fork and exec: system calls only.
struct Isolation {
  const pid_t parent;
  const bool ends_with_parent;

  boost::system::error_code on_exec_setup(default_launcher&, const std::filesystem::path&, const char* const*) {
    // A session, not only a group: without a terminal of its own, nothing in it can stop and wait
    // for somebody to type a password.
    if (setsid() == -1) return {errno, boost::system::system_category()};
    if (ends_with_parent) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(127);  // it ended before that
    }
    struct sigaction by_default = {};
    by_default.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) sigaction(number, &by_default, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // Boost 1.81 closes only what is above its own error pipe (close_handles.ipp compares an entry
    // of the white list with itself). On a kernel without the flag, O_CLOEXEC on ours must do.
    setrlimit(RLIMIT_NOFILE, &InheritedDescriptorLimit());
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    return {};
  }

  // Boost 1.81 calls exit(3) next, which would run this process's own atexit handlers and flush its
  // buffers a second time (boostorg/process issue 514). It looks for this hook with one parameter
  // list and calls it with another, hence the template.
  template <typename... Anything>
  void on_exec_error(default_launcher&, Anything&&...) {
    _exit(127);
  }
};

// Removes what a launch that failed after fork(2) left (boostorg/process issue 447).
void Discard(pid_t child) {
  if (child <= 0) return;
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) == -1 && errno == EINTR) {
  }
}

}  // namespace

pid_t Launch(const LaunchOptions& options) {
  const Environment environment(options.environment);
  const auto directory = options.working_directory.empty() ? std::filesystem::path(".") : options.working_directory;
  boost::asio::io_context context(1);
  default_launcher launcher;
  launcher.env = environment.get();
  boost::system::error_code error;
  try {
    auto child = launcher(context.get_executor(), error, options.program, options.arguments,
                          process::process_stdio{nullptr, options.output, options.output},
                          process::process_start_dir(directory), Isolation{getpid(), options.ends_with_us});
    // Waiting is ours (child_process.cc): the group must be signalled before its leader is reaped.
    if (!error) return child.detach().id();
  } catch (const boost::system::system_error& failure) {
    error = failure.code();
  }
  Discard(launcher.pid);
  throw ProcessError(fmt::format("cannot start {}: {}", options.program.string(), error.message()));
}

}  // namespace passthrough
