#include "lab/qemu_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"
#include "helpers/process/launch.h"
#include "lab/qmp.h"

namespace passthrough {
namespace {

constexpr char kProgram[] = "qemu-system-x86_64";

std::string CommandLine(pid_t process) {
  try {
    return ReadFile(fmt::format("/proc/{}/cmdline", process), 1u << 20);
  } catch (const Error&) {
    return {};  // gone, or not ours to read
  }
}

bool IsQemuCalled(const std::string& name, pid_t process) {
  const std::string command_line = CommandLine(process);
  const std::string program = command_line.substr(0, command_line.find('\0'));
  if (!program.ends_with(kProgram)) return false;
  const std::string wanted = std::string("-name") + '\0' + name + '\0';
  return command_line.find('\0' + wanted) != std::string::npos;
}

// A process that cannot be taken for another one, even when its number is given out again.
class ProcessHandle {
 public:
  explicit ProcessHandle(pid_t process)
      : descriptor_(static_cast<int>(syscall(SYS_pidfd_open, process, 0))) {}
  ~ProcessHandle() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  ProcessHandle(const ProcessHandle&) = delete;
  ProcessHandle& operator=(const ProcessHandle&) = delete;

  bool valid() const { return descriptor_ >= 0; }

  bool WaitForEnd(std::chrono::milliseconds limit) const {
    const Deadline deadline = Deadline::After(limit).Uninterruptible();
    while (true) {
      pollfd ended{descriptor_, POLLIN, 0};
      if (poll(&ended, 1, deadline.LeftMilliseconds()) > 0) return true;
      if (deadline.Passed()) return false;
    }
  }

  void Kill() const { syscall(SYS_pidfd_send_signal, descriptor_, SIGKILL, nullptr, 0); }

 private:
  int descriptor_;
};

// Whether QEMU took the command; it closes the connection when it goes.
void AskToQuit(const std::filesystem::path& qmp_socket, std::chrono::milliseconds grace) {
  const Deadline deadline = Deadline::After(grace).Uninterruptible();
  try {
    QmpConnection::Open(qmp_socket, deadline).Execute("quit", deadline);
  } catch (const Error&) {
    // It hangs or is going already: what counts is whether the process ends.
  }
}

}  // namespace

std::optional<pid_t> FindQemu(const std::string& name) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string file = entry.path().filename();
    pid_t process = 0;
    const auto [end, failure] = std::from_chars(file.data(), file.data() + file.size(), process);
    if (failure != std::errc() || end != file.data() + file.size()) continue;
    if (IsQemuCalled(name, process)) return process;
  }
  return std::nullopt;
}

pid_t StartQemu(const std::vector<std::string>& arguments, const std::filesystem::path& directory) {
  const std::filesystem::path log = directory / "qemu.log";
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) {
    throw ProcessError(fmt::format("cannot write {}: {}", log.string(), strerror(errno)));
  }
  LaunchOptions options;
  options.program = arguments.at(0);
  options.arguments.assign(arguments.begin() + 1, arguments.end());
  options.working_directory = directory;
  options.output = output;
  try {
    const pid_t process = Launch(options);
    close(output);
    return process;
  } catch (...) {
    close(output);
    throw;
  }
}

void StopQemu(const std::string& name, const std::filesystem::path& qmp_socket,
              std::chrono::milliseconds grace) {
  while (const std::optional<pid_t> process = FindQemu(name)) {
    const ProcessHandle handle(*process);
    if (!handle.valid() || !IsQemuCalled(name, *process)) continue;  // went in between
    AskToQuit(qmp_socket, grace);
    if (!handle.WaitForEnd(grace)) {
      handle.Kill();
      if (!handle.WaitForEnd(std::chrono::seconds(30))) {
        throw Error(
            fmt::format("QEMU (process {}) does not end, not even by SIGKILL; look at "
                        "/proc/{}/stack for what it hangs in",
                        *process, *process));
      }
    }
    waitpid(*process, nullptr, WNOHANG);  // where this command started it
  }
}

std::string QemuVersion(const std::filesystem::path& qemu) {
  const ChildResult result =
      RunChild({qemu.string(), "--version"}, {}, Deadline::After(std::chrono::seconds(20)));
  const auto lines = SplitLines(result.output);
  if (!result.Succeeded() || lines.empty()) {
    throw ProcessError(fmt::format("{} --version: {}", qemu.string(), result.HowItEnded()));
  }
  return Printable(lines[0]);
}

std::filesystem::path QemuProgram() {
  const std::filesystem::path program = FindInPath(kProgram);
  if (!program.empty()) return program;
  throw Error(fmt::format(
      "{} not found in PATH: the lab needs QEMU; install the package qemu-system-x86", kProgram));
}

}  // namespace passthrough
