#include "tests/interruptions/interruption.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "helpers/base/process_identity.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using Clock = std::chrono::steady_clock;

fs::path Config() { return fs::path(PASSTHROUGH_SOURCE_DIR) / "configs" / "test-pcie-passthrough-minimal.yaml"; }

// Processes whose command line has `text` in it.
std::vector<pid_t> ProcessesWith(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    try {
      std::string command = ReadFile(entry.path() / "cmdline");
      std::replace(command.begin(), command.end(), '\0', ' ');
      const pid_t pid = std::stoi(name);
      if (pid != getpid() && command.find(text) != std::string::npos) found.push_back(pid);
    } catch (const Error&) {
      // It ended meanwhile.
    }
  }
  return found;
}

}  // namespace

Victim::Victim() : lab_(Config()), state_(lab_.Path("state")) {
  fs::create_directories(lab_.Path("tmp"));
  BringLabTo(true);
  before_ = lab_.Libvirt().TakeInventory();
}

void Victim::BringLabTo(bool up) {
  if (up == is_up_) return;
  if (up) {
    lab_.MustLab("up", {Config().string()});
  } else {
    lab_.MustLab("down");
  }
  is_up_ = up;
}

Aftermath Victim::Strike(const InterruptionPoint& point, const Blow& blow) {
  BringLabTo(!point.lab_is_down);
  Aftermath aftermath;
  Run(point, blow, aftermath);
  if (aftermath.problem.empty()) aftermath.problem = Leftovers(point);
  if (!aftermath.problem.empty()) Recover();
  return aftermath;
}

// So that one failure is not those of the cases after it, too.
void Victim::Recover() {
  RunChild({SuiteProgram().string(), "--reap"}, Environment(), Deadline::After(minutes(3)));
  lab_.MustLab("down");
  is_up_ = false;
}

void Victim::Run(const InterruptionPoint& point, const Blow& blow, Aftermath& aftermath) {
  const std::string filter = point.collects ? "*" : "Node.*:Cluster.*:HostDomain.*:Cleanup*";
  const std::vector<std::string> argv = SuiteArguments(filter);
  int suite = 0;
  bool struck = false;
  Clock::time_point when;
  ChildOptions options = Environment();
  options.on_start = [&](int pid) { suite = pid; };
  options.on_line = [&](std::string_view line) {
    if (struck || line.find(point.says) == std::string_view::npos) return;
    struck = true;
    when = Clock::now();
    if (blow.guard_too) {
      for (const pid_t guard : ProcessesWith("--guard " + fs::canonical(lab_.Latest()).string())) {
        kill(guard, SIGKILL);
      }
    }
    kill(suite, blow.signal);
    if (!blow.twice) return;
    std::this_thread::sleep_for(milliseconds(1200));  // sooner, it is one and the same
    kill(suite, blow.signal);
  };
  const ChildResult result = RunChild(argv, options, Deadline::After(minutes(5)));
  if (!struck) {
    aftermath.problem =
        fmt::format("the run never said \"{}\": {}\n{}", point.says, result.HowItEnded(), LastLines(result.output, 15));
    return;
  }
  const bool killed = blow.signal == SIGKILL;
  const bool ended_as_it_should = killed ? result.signal == SIGKILL : result.exit_status == 1;
  if (!ended_as_it_should) {
    aftermath.problem = "the suite ended with " + result.HowItEnded();
    return;
  }
  aftermath.healed = TeardownRecordIsGone() ? "at once" : "by the guard";
  if (blow.logs_deleted) fs::remove_all(lab_.Path("logs"));
  if (blow.guard_too) {
    const ChildResult reaped =
        RunChild({SuiteProgram().string(), "--reap"}, Environment(), Deadline::After(minutes(3)));
    if (!reaped.Succeeded()) aftermath.problem = "--reap: " + reaped.HowItEnded() + "\n" + reaped.output;
    aftermath.healed = "by --reap";
  }
  const Deadline deadline = Deadline::After(minutes(3));
  while (!TeardownRecordIsGone() && !deadline.Passed()) std::this_thread::sleep_for(milliseconds(100));
  aftermath.seconds = std::chrono::duration<double>(Clock::now() - when).count();
}

ChildOptions Victim::Environment() const {
  ChildOptions options;
  options.environment["XDG_STATE_HOME"] = state_.string();
  options.environment["TMPDIR"] = lab_.Path("tmp").string();
  return options;
}

std::vector<std::string> Victim::SuiteArguments(const std::string& filter) const {
  return {SuiteProgram().string(),
          "--verbose",
          "--config",
          Config().string(),
          "--lab-dir",
          lab_.directory().string(),
          "--log-dir",
          lab_.Path("logs").string(),
          "--gtest_filter=" + filter};
}

std::string Victim::RunInPeace() {
  BringLabTo(true);
  const ChildResult result =
      RunChild(SuiteArguments("Node.*:Cluster.*:HostDomain.*:Cleanup*"), Environment(), Deadline::After(minutes(5)));
  if (!result.Succeeded()) return result.HowItEnded() + "\n" + LastLines(result.output, 15);
  return Leftovers(InterruptionPoint{});
}

Footprint Victim::TakeFootprint() const {
  Footprint footprint;
  const auto lab_processes = ProcessesWith(lab_.directory().string());
  std::vector<pid_t> processes = ProcessesWith(lab_.Path("logs").string());
  processes.insert(processes.end(), lab_processes.begin(), lab_processes.end());
  footprint.processes = processes.size();
  const auto count = [](const fs::path& directory) {
    size_t files = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(directory)) ++files;
    return files;
  };
  footprint.temporary_files = count(lab_.Path("tmp"));
  footprint.registered = count(state_ / "pcie-passthrough-suite" / "runs");
  footprint.state_files = count(state_) + count(lab_.directory());
  std::set<std::string> sockets;  // of these processes: others on this machine listen, too
  for (const pid_t pid : processes) {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), gone)) {
      const std::string target = fs::read_symlink(entry.path(), gone).string();  // "socket:[12345]"
      if (target.starts_with("socket:[")) sockets.insert(target.substr(8, target.size() - 9));
    }
  }
  for (const std::string table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const std::string text = ReadFile(table);
    for (const auto line : SplitLines(text)) {
      const auto words = SplitWords(line);
      // proc(5): the fourth word is the state, 0A is TCP_LISTEN; the tenth the inode.
      if (words.size() > 9 && words[3] == "0A") footprint.listening_ports += sockets.count(std::string(words[9]));
    }
  }
  for (const pid_t pid : lab_processes) {
    const std::string statm = ReadFile(fmt::format("/proc/{}/statm", pid));
    const auto pages = SplitWords(statm);
    footprint.lab_kib += std::stol(std::string(pages.at(1))) * (sysconf(_SC_PAGESIZE) / 1024);
  }
  return footprint;
}

bool Victim::TeardownRecordIsGone() const { return !fs::exists(lab_.Latest() / "teardown-record.json"); }

std::string Victim::Leftovers(const InterruptionPoint& point) {
  std::vector<std::string> found;
  if (!TeardownRecordIsGone()) found.push_back("the lease");
  const std::string run = fs::weakly_canonical(lab_.Path("logs")).string();  // the run directory may be deleted
  const Deadline deadline = Deadline::After(std::chrono::seconds(10));       // the guard ends after the lease
  while (!ProcessesWith(run).empty() && !deadline.Passed()) std::this_thread::sleep_for(milliseconds(100));
  for (const pid_t pid : ProcessesWith(run)) found.push_back(fmt::format("process {}", pid));
  for (const char* const what : {"runs", "records"}) {
    const fs::path kept = state_ / "pcie-passthrough-suite" / what;
    if (!fs::exists(kept)) continue;
    for (const auto& entry : fs::directory_iterator(kept)) found.push_back("the entry " + entry.path().string());
  }
  if (point.lab_is_down) {
    for (const pid_t pid : ProcessesWith(lab_.directory().string())) {
      found.push_back(fmt::format("process {} of the lab", pid));
    }
  } else {
    const Inventory now = lab_.Libvirt().TakeInventory();
    for (auto& difference : DescribeDifferences(before_, now)) found.push_back(std::move(difference));
  }
  return found.empty() ? "" : fmt::format("left behind: {}", fmt::join(found, "; "));
}

}  // namespace passthrough
