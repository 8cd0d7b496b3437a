#include "lab/host/lab_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "lab/host/lab_facts.h"
#include "lab/host/machine.h"
#include "lab/host/qemu_process.h"
#include "lab/host/qmp.h"
#include "lab/host/saved_state.h"

namespace passthrough {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// What the lab host's console says when it has booted.
constexpr char kLoginPrompt[] = "lab-host login:";

constexpr size_t kMostLog = 64u << 20;

// The port that QEMU's user network listens on, which QMP has no command for.
uint16_t ForwardedPort(QmpConnection& qmp, const Deadline& deadline) {
  const std::string text = qmp.ExecuteHuman("info usernet", deadline);
  for (const std::string_view line : SplitLines(text)) {
    const auto words = SplitWords(line);
    if (words.size() < 4 || words[0] != "TCP[HOST_FORWARD]") continue;
    uint16_t port = 0;
    std::from_chars(words[3].data(), words[3].data() + words[3].size(), port);
    if (port != 0) return port;
  }
  throw QmpError(fmt::format("QEMU names no forwarded port: {}", Printable(text)));
}

// Starts QEMU and connects to it. Nothing of it is left when this throws.
QmpConnection Launch(const LabPaths& paths, const LabRecord& record, bool incoming, const Deadline& deadline) {
  LabTopology places;
  places.disk_address = record.disk_address;
  places.network_address = record.network_address;
  places.entropy_address = record.entropy_address;
  LabInstance instance;
  instance.name = record.QemuName();
  instance.disk = paths.layer(record.layer);
  instance.ssh_port = record.ssh_port;
  instance.incoming = incoming;
  std::vector<std::string> arguments = record.machine_arguments;
  for (auto& argument : InstanceArguments(instance, places)) arguments.push_back(argument);
  std::filesystem::remove(paths.qmp_socket());
  std::filesystem::remove(paths.qemu_log());
  if (!incoming) std::filesystem::remove(paths.console());
  StartQemu(arguments, paths.directory, record.owner);
  // QEMU that cannot start says why and ends at once; one that can has its socket within a second.
  const Deadline limit = deadline.OrAfter(seconds(60));
  while (true) {
    try {
      return QmpConnection::Open(paths.qmp_socket(), limit.OrAfter(seconds(1)));
    } catch (const TimeoutError&) {
      if (!MachineRuns(record) || limit.Passed()) throw;
    }
  }
}

std::string Tail(const std::filesystem::path& log, int lines) {
  std::string text;
  try {
    text = LastLines(ReadFile(log, kMostLog), lines);
  } catch (const Error&) {
    return {};
  }
  std::string result;
  for (const std::string_view line : SplitLines(text)) {
    result += fmt::format("\n    {}", Printable(line));
  }
  return result.empty() ? result : fmt::format("\n  the end of {}:{}", log.string(), result);
}

}  // namespace

std::string LastWords(const LabPaths& paths) { return Tail(paths.qemu_log(), 5) + Tail(paths.console(), 15); }

bool MachineRuns(const LabRecord& record) { return FindQemu(record.QemuName()).has_value(); }

std::vector<StrayQemu> StraysOf(const LabPaths& paths) {
  return StrayQemus(paths.directory, LabRecord::kQemuPrefix, paths.record());
}

void StartMachine(const LabPaths& paths, LabRecord* record, const std::optional<std::filesystem::path>& state_file,
                  const Deadline& deadline) {
  record->id = NewLabId();
  record->phase = LabPhase::kStarting;
  WriteLabRecord(paths, *record);
  const auto start = [&] {
    QmpConnection qmp = Launch(paths, *record, state_file.has_value(), deadline);
    if (state_file) LoadMachine(qmp, *state_file, deadline);
    record->ssh_port = ForwardedPort(qmp, deadline);
  };
  try {
    try {
      start();
    } catch (const TimeoutError&) {
      // The port that a restored lab had may be somebody else's now.
      if (record->ssh_port == 0 || MachineRuns(*record)) throw;
      record->ssh_port = 0;
      start();
    }
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("lab host: QEMU does not start: {}{}", error.what(), LastWords(paths)));
  }
  WriteLabRecord(paths, *record);
}

void WaitForConsole(const LabPaths& paths, const LabRecord& record, const Deadline& deadline) {
  // Without a word on the console for so long, the network may know better.
  const Deadline limit = deadline.OrAfter(minutes(3));
  BackOff back_off(std::chrono::milliseconds(100));
  while (ReadFile(paths.console(), kMostLog).find(kLoginPrompt) == std::string::npos) {
    if (!MachineRuns(record)) throw Error("lab host: QEMU ended while it booted" + LastWords(paths));
    deadline.Check("lab host: booting");
    if (limit.Passed()) return;
    back_off.Sleep(limit);
  }
}

LabGuest WaitForGuest(const LabPaths& paths, const LabRecord& record, const Deadline& deadline) {
  const auto still_alive = [&] {
    if (!MachineRuns(record)) throw Error("lab host: QEMU ended");
  };
  std::filesystem::remove(paths.known_hosts());  // another port, or another host key
  try {
    return LabGuest::Connect(record.ssh_port, LabKey(record), paths.known_hosts(), still_alive, deadline);
  } catch (const InterruptedError&) {
    throw;
  } catch (const Error& error) {
    throw Error(error.what() + LastWords(paths));
  }
}

void AnnounceLab(const LabPaths& paths, LabRecord* record) {
  WriteFacts(paths, *record);
  record->phase = LabPhase::kUp;
  WriteLabRecord(paths, *record);
}

void StopMachine(const LabPaths& paths, const LabRecord& record) {
  std::filesystem::remove(paths.facts());
  StopQemu(record.QemuName(), paths.qmp_socket());
  std::filesystem::remove(paths.qmp_socket());
}

}  // namespace passthrough
