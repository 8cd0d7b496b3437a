#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>

#include "helpers/base/error.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/connection.h"
#include "lab/host/commands.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_snapshots.h"
#include "lab/host/lab_start.h"

namespace passthrough {
namespace {

constexpr int kNeither = 2;  // neither up nor down, or unknown

void PrintLine(std::string_view name, std::string_view value) {
  fmt::print("{:<13} {}\n", fmt::format("{}:", name), value);
}

std::string State(const std::optional<LabRecord>& record, bool up, const std::vector<StrayQemu>& strays) {
  if (up) return "up";
  if (!strays.empty()) {
    return fmt::format("its files were deleted, and its QEMU runs on: process {} (down ends it)",
                       strays.front().process);
  }
  if (!record) return "down";
  switch (record->phase) {
    case LabPhase::kKept:
      return "down, its snapshots are kept";
    case LabPhase::kStarting:
      return "starting, or left behind by a start that was cut off (down removes it)";
    case LabPhase::kUp:
      return "down: its QEMU is gone (down removes what is left)";
  }
  return "down";
}

void PrintDomains(const LabPaths& paths) {
  try {
    LibvirtConnection connection =
        LibvirtConnection::Open(LabLibvirtUri(paths), Deadline::After(std::chrono::seconds(20)));
    std::vector<std::string> domains;
    for (const std::string& name : connection.DomainNames()) {
      domains.push_back(fmt::format("{} ({})", name, connection.DomainState(name).value_or("gone")));
    }
    PrintLine("domains", domains.empty() ? "none" : fmt::format("{}", fmt::join(domains, ", ")));
  } catch (const Error& error) {
    PrintLine("domains", fmt::format("unknown: {}", error.what()));
  }
}

void PrintSnapshots(const LabPaths& paths) {
  std::vector<std::string> names;
  for (const LabSnapshot& snapshot : ListSnapshots(paths)) names.push_back(snapshot.name);
  PrintLine("snapshots", names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

void PrintLab(const LabPaths& paths, const LabRecord& record) {
  PrintLine("machine", fmt::format("{}, {} MiB, {}", record.accelerator, record.memory_mib,
                                   Count(static_cast<size_t>(record.cpus), "processor")));
  PrintLine("functions", record.functions.empty() ? "none" : fmt::format("{}", fmt::join(record.functions, ", ")));
  PrintLine("cluster file", record.cluster_file);
  PrintSnapshots(paths);
}

int Status(const CommandLine& line) {
  const LabPaths paths(LabDirectoryOf(line));
  const std::optional<LabRecord> record = ReadLabRecord(paths);
  const bool up = record && record->phase == LabPhase::kUp && MachineRuns(*record);
  const std::vector<StrayQemu> strays = up ? std::vector<StrayQemu>() : StraysOf(paths);
  if (!line.Has("--quiet")) {
    PrintLine("lab", State(record, up, strays));
    PrintLine("directory", paths.directory.string());
    if (record) PrintLab(paths, *record);
    if (up) {
      PrintLine("ssh", fmt::format("root@127.0.0.1:{}: {}", record->ssh_port,
                                   LabCommand({"ssh", "--lab-dir", paths.directory.string()})));
      PrintLine("libvirt", LabLibvirtUri(paths));
      PrintDomains(paths);
    }
  }
  if (up) return 0;
  // A start or a restore is under way, or was cut off.
  return !strays.empty() || (record && MachineRuns(*record)) ? kNeither : 1;
}

}  // namespace

// Whoever asks takes 1 for "nothing is on it any more": an error must not say that.
int RunStatus(const CommandLine& line) {
  try {
    return Status(line);
  } catch (const std::exception& error) {
    fmt::print(stderr, "passthrough-lab: {}\n", error.what());
    return kNeither;
  }
}

}  // namespace passthrough
