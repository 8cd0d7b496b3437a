#include "lab/host/qemu_process.h"

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
#include "lab/host/qmp.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

constexpr char kProgram[] = "qemu-system-x86_64";
constexpr char kOwner[] = "PASSTHROUGH_LAB_OWNER";
constexpr char kDeleted[] = " (deleted)";  // proc(5), /proc/pid/cwd

std::string OfProcess(pid_t process, const char* file) {
  try {
    return ReadFile(fmt::format("/proc/{}/{}", process, file), 1u << 20);
  } catch (const Error&) {
    return {};  // gone, or not ours to read
  }
}

// What stands between `before` and the next NUL, in a list of NUL-terminated words; empty where it is not in it.
std::string WordAfter(const std::string& words, const std::string& before) {
  const size_t at = ('\0' + words).find('\0' + before);
  if (at == std::string::npos) return {};
  const size_t begin = at + before.size();
  return words.substr(begin, words.find('\0', begin) - begin);
}

// The name of a QEMU; empty where `process` is none.
std::string QemuNameOf(pid_t process) {
  const std::string command_line = OfProcess(process, "cmdline");
  const std::string program = command_line.substr(0, command_line.find('\0'));
  return program.ends_with(kProgram) ? WordAfter(command_line, std::string("-name") + '\0') : "";
}

bool IsQemuCalled(const std::string& name, pid_t process) { return !name.empty() && QemuNameOf(process) == name; }

std::vector<pid_t> Processes() {
  std::vector<pid_t> processes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string file = entry.path().filename();
    pid_t process = 0;
    const auto [end, failure] = std::from_chars(file.data(), file.data() + file.size(), process);
    if (failure == std::errc() && end == file.data() + file.size()) processes.push_back(process);
  }
  return processes;
}

// Whether the process was started in `directory` (without symbolic links) and that, or `record`, is gone.
bool IsStrayIn(const fs::path& directory, const fs::path& record, pid_t process) {
  const fs::path proc = fmt::format("/proc/{}", process);
  std::error_code error;
  const fs::path root = fs::read_symlink(proc / "ns" / "mnt", error);
  if (error || root != fs::read_symlink("/proc/self/ns/mnt", error) || error) return false;
  const fs::path there = fs::read_symlink(proc / "cwd", error);
  if (error) return false;
  // Asked after the process was seen: while a lab's QEMU runs, its record is there.
  if (there == directory) return !fs::exists(record, error) && !error;
  if (there != directory.string() + kDeleted) return false;
  const bool is_its_name = fs::equivalent(there, proc / "cwd", error);
  return !is_its_name;
}

// A process that cannot be taken for another one, even when its number is given out again.
class ProcessHandle {
 public:
  explicit ProcessHandle(pid_t process) : descriptor_(static_cast<int>(syscall(SYS_pidfd_open, process, 0))) {}
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
  for (const pid_t process : Processes()) {
    if (IsQemuCalled(name, process)) return process;
  }
  return std::nullopt;
}

std::vector<StrayQemu> StrayQemus(const fs::path& directory, const std::string& prefix, const fs::path& record) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(directory, error);
  std::vector<StrayQemu> strays;
  for (const pid_t process : Processes()) {
    const std::string name = QemuNameOf(process);
    if (!name.starts_with(prefix) || !IsStrayIn(error ? directory : real, record, process)) continue;
    strays.push_back({process, name, WordAfter(OfProcess(process, "environ"), std::string(kOwner) + '=')});
  }
  return strays;
}

pid_t StartQemu(const std::vector<std::string>& arguments, const fs::path& directory, const std::string& owner) {
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
  options.environment[kOwner] = owner;  // also where it is empty: this process may have somebody's
  try {
    const pid_t process = Launch(options);
    close(output);
    return process;
  } catch (...) {
    close(output);
    throw;
  }
}

void StopQemu(const std::string& name, const std::filesystem::path& qmp_socket, std::chrono::milliseconds grace) {
  while (const std::optional<pid_t> process = FindQemu(name)) {
    const ProcessHandle handle(*process);
    if (!handle.valid() || !IsQemuCalled(name, *process)) continue;  // went in between
    if (!qmp_socket.empty()) AskToQuit(qmp_socket, grace);
    if (qmp_socket.empty() || !handle.WaitForEnd(grace)) {
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
  const ChildResult result = RunChild({qemu.string(), "--version"}, {}, Deadline::After(std::chrono::seconds(20)));
  const auto lines = SplitLines(result.output);
  if (!result.Succeeded() || lines.empty()) {
    throw ProcessError(fmt::format("{} --version: {}", qemu.string(), result.HowItEnded()));
  }
  return Printable(lines[0]);
}

std::filesystem::path QemuProgram() {
  const std::filesystem::path program = FindInPath(kProgram);
  if (!program.empty()) return program;
  throw Error(fmt::format("{} not found in PATH: the lab needs QEMU; install the package qemu-system-x86", kProgram));
}

}  // namespace passthrough
