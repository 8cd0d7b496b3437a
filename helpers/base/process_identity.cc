#include "helpers/base/process_identity.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

// proc(5): field 2, the name, is in parentheses and may hold anything.
constexpr size_t kState = 3 - 3;
constexpr size_t kGroup = 5 - 3;
constexpr size_t kSession = 6 - 3;
constexpr size_t kStartTime = 22 - 3;

std::string BootId() { return std::string(Trim(ReadFile("/proc/sys/kernel/random/boot_id"))); }

// Fields 3 and on of /proc/PID/stat; empty where there is no such process.
std::vector<std::string> StatOf(pid_t pid) {
  try {
    const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
    std::vector<std::string> fields;
    for (const auto& field : SplitWords(std::string_view(stat).substr(stat.rfind(')') + 1))) {
      fields.emplace_back(field);
    }
    return fields.size() > kStartTime ? fields : std::vector<std::string>();
  } catch (const Error&) {
    return {};
  }
}

std::string FirstLineOf(const char* file) {
  try {
    return std::string(Trim(ReadFile(file)));
  } catch (const Error&) {
    return {};
  }
}

// By the clock ticks of /proc/PID/stat.
bool BeganBefore(const std::string& one, const std::string& other) {
  return one.size() != other.size() ? one.size() < other.size() : one < other;
}

// While members of a group live, its number is given to no new process. Once all have ended it may be, to one that
// leads a group and ends before the others of that. All of a group are in one session, which tells them apart.
bool GroupIsThere(const ProcessIdentity& leader) {
  if (leader.pid <= 1 || leader.boot_id != BootId() || leader.pid_namespace != CurrentPidNamespace()) return false;
  const auto stat = StatOf(leader.pid);
  if (!stat.empty() && stat[kStartTime] != leader.start_time) return false;
  const std::string number = std::to_string(leader.pid);
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const int pid = std::atoi(at->path().filename().c_str());
    if (pid <= 0) continue;
    const auto member = StatOf(pid);
    if (member.empty() || member[kState] == "Z" || member[kState] == "X" || member[kGroup] != number) continue;
    return member[kSession] == number && !BeganBefore(member[kStartTime], leader.start_time);
  }
  return false;
}

}  // namespace

std::string CurrentPidNamespace() {
  std::string machine = FirstLineOf("/etc/machine-id");  // machine-id(5)
  if (machine.empty()) machine = FirstLineOf("/proc/sys/kernel/hostname");
  std::error_code error;
  return machine + " " + std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
}

ProcessIdentity IdentityOf(pid_t pid) {
  const auto stat = StatOf(pid);
  if (stat.empty()) return {};
  return {pid, stat[kStartTime], BootId(), CurrentPidNamespace()};
}

bool IsAlive(const ProcessIdentity& process) {
  if (process.pid <= 0) return false;
  const auto stat = StatOf(process.pid);
  return !stat.empty() && stat[kState] != "Z" && stat[kState] != "X" && stat[kStartTime] == process.start_time &&
         BootId() == process.boot_id && CurrentPidNamespace() == process.pid_namespace;
}

void EndGroupOf(const ProcessIdentity& leader) {
  if (!GroupIsThere(leader)) return;
  kill(-leader.pid, SIGTERM);
  const auto end = Deadline::Clock::now() + std::chrono::seconds(10);
  while (GroupIsThere(leader) && Deadline::Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (GroupIsThere(leader)) kill(-leader.pid, SIGKILL);
}

}  // namespace passthrough
