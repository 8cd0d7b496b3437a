#include "lab/host/lab_snapshots.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "lab/host/lab_facts.h"
#include "lab/host/lab_guest.h"
#include "lab/host/lab_start.h"
#include "lab/host/qmp.h"
#include "lab/host/saved_state.h"

namespace passthrough {
namespace {

using nlohmann::json;
using std::chrono::minutes;

constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

std::filesystem::path StateFile(const std::filesystem::path& snapshot) { return snapshot / "state"; }
std::filesystem::path RecordFile(const std::filesystem::path& snapshot) { return snapshot / "snapshot.json"; }

LabSnapshot ReadSnapshot(const std::filesystem::path& directory) {
  LabSnapshot snapshot;
  snapshot.name = directory.filename();
  try {
    const json value = json::parse(ReadFile(RecordFile(directory)));
    snapshot.time = value.at("time");
    snapshot.record = LabRecordFromJson(value.at("lab").dump());
    snapshot.bytes = std::filesystem::file_size(StateFile(directory));
  } catch (const std::exception& error) {
    throw Error(fmt::format("{}: {}", RecordFile(directory).string(), error.what()));
  }
  return snapshot;
}

LabRecord RecordOfRunningLab(const LabPaths& paths) {
  const std::optional<LabRecord> record = ReadLabRecord(paths);
  if (record && record->phase == LabPhase::kUp && MachineRuns(*record)) return *record;
  throw Error(fmt::format("no lab is up in {}; to start one, with a cluster file in place of FILE: {}",
                          paths.directory.string(), LabCommand({"up", "--lab-dir", paths.directory.string(), "FILE"})));
}

// The layer that QEMU writes to: its own word, for a command that was killed may not have noted it.
int ActiveLayer(QmpConnection& qmp, const Deadline& deadline) {
  for (const json& device : qmp.Execute("query-block", deadline)) {
    if (device.value("device", "") != "disk") continue;
    const std::filesystem::path file = device.at("inserted").at("file").get<std::string>();
    return std::stoi(file.stem());
  }
  throw QmpError("QEMU has no disk");
}

std::string Names(const std::vector<LabSnapshot>& snapshots) {
  std::vector<std::string> names;
  for (const LabSnapshot& snapshot : snapshots) names.push_back(snapshot.name);
  return names.empty() ? "there is none" : "there are: " + JoinForHumans(names);
}

LabSnapshot FindSnapshot(const LabPaths& paths, const std::string& name) {
  const std::vector<LabSnapshot> all = ListSnapshots(paths);
  for (const LabSnapshot& snapshot : all) {
    if (snapshot.name == name) return snapshot;
  }
  throw Error(fmt::format("{} has no snapshot \"{}\"; {}", paths.directory.string(), Printable(name), Names(all)));
}

// The VMs of a lab host stand still while this lives. Whatever happens, they go on.
class FrozenVms {
 public:
  FrozenVms(const LabPaths& paths, const LabRecord& record, const Deadline& deadline)
      : guest_(LabGuest::Connect(
            record.ssh_port, LabKey(record), paths.known_hosts(),
            [&] {
              if (!MachineRuns(record)) throw Error("lab host: QEMU ended");
            },
            deadline.OrAfter(minutes(1)))) {
    try {
      guest_.FreezeVms(deadline.OrAfter(minutes(1)));
    } catch (...) {
      Thaw();
      throw;
    }
  }
  ~FrozenVms() { Thaw(); }
  FrozenVms(const FrozenVms&) = delete;
  FrozenVms& operator=(const FrozenVms&) = delete;

 private:
  void Thaw() noexcept {
    try {
      guest_.ThawVms(Deadline::After(minutes(1)).Uninterruptible());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "passthrough-lab: VMs may stand still: %s\n", error.what());
    }
  }

  LabGuest guest_;
};

void CheckName(const std::string& name) {
  if (const std::string problem = SnapshotNameProblem(name); !problem.empty()) {
    throw Error(problem);
  }
}

}  // namespace

std::vector<LabSnapshot> ListSnapshots(const LabPaths& paths) {
  std::vector<LabSnapshot> snapshots;
  if (!std::filesystem::exists(paths.snapshots())) return snapshots;
  for (const auto& entry : std::filesystem::directory_iterator(paths.snapshots())) {
    const bool finished = !entry.path().filename().string().starts_with('.');
    if (finished) snapshots.push_back(ReadSnapshot(entry.path()));
  }
  std::sort(snapshots.begin(), snapshots.end(),
            [](const auto& a, const auto& b) { return std::tie(a.time, a.name) < std::tie(b.time, b.name); });
  return snapshots;
}

// A layer that no snapshot was taken of has nothing on top of it.
void RemoveLayerUnlessSaved(const LabPaths& paths, int layer) {
  for (const LabSnapshot& snapshot : ListSnapshots(paths)) {
    if (snapshot.record.layer == layer) return;
  }
  std::filesystem::remove(paths.layer(layer));
  std::filesystem::remove(paths.layer_base(layer));
}

std::string SnapshotNameProblem(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
                    name.find_first_not_of(kLetters) == std::string::npos;
  if (good) return {};
  return fmt::format(
      "\"{}\" cannot name a snapshot: at most 64 letters, digits, '_', '.' and '-', "
      "and neither '.' nor '-' first",
      Printable(name));
}

void SnapshotLab(const std::filesystem::path& directory, const std::string& name, bool replace, const StepLog& log,
                 const Deadline& deadline) {
  CheckName(name);
  const LabPaths paths(std::filesystem::absolute(directory).lexically_normal());
  LabLock lock(paths.directory, deadline);
  LabRecord record = RecordOfRunningLab(paths);
  const std::filesystem::path target = paths.snapshots() / name;
  if (std::filesystem::exists(target) && !replace) {
    throw Error(fmt::format("{} has a snapshot \"{}\" already: choose another name, or --replace",
                            paths.directory.string(), name));
  }
  const std::filesystem::path unfinished = paths.snapshots() / ("." + name);
  std::filesystem::remove_all(unfinished);
  std::filesystem::create_directories(unfinished);
  try {
    QmpConnection qmp = QmpConnection::Open(paths.qmp_socket(), deadline.OrAfter(minutes(1)));
    record.layer = ActiveLayer(qmp, deadline);
    LabRecord after = record;
    after.layer = NextLayer(paths);
    // Noted first: a layer that is not there yet does no harm, one that is not known of would.
    WriteLabRecord(paths, after);
    const FrozenVms frozen(paths, record, deadline);
    SaveMachine(qmp, StateFile(unfinished), paths.layer(after.layer), deadline.OrAfter(minutes(10)));
    const json value = {{"time", fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::time(nullptr)))},
                        {"lab", json::parse(ToJson(record))}};
    WriteFile(RecordFile(unfinished), value.dump(2) + "\n", 0600);
  } catch (...) {
    std::filesystem::remove_all(unfinished);
    throw;
  }
  std::filesystem::remove_all(target);
  std::filesystem::rename(unfinished, target);
  log.Say(fmt::format("snapshot {}: {} MiB", name, std::filesystem::file_size(StateFile(target)) >> 20));
}

void RestoreLab(const std::filesystem::path& directory, const std::string& name, const StepLog& log,
                const Deadline& deadline) {
  CheckName(name);
  const LabPaths paths(std::filesystem::absolute(directory).lexically_normal());
  LabLock lock(paths.directory, deadline);
  const std::optional<LabRecord> current = ReadLabRecord(paths);
  const LabSnapshot snapshot = FindSnapshot(paths, name);
  // A run whose lab is put back to an earlier state has it still; one that is started by hand is no run's.
  const std::string owner = current && MachineRuns(*current) ? current->owner : "";
  if (current) {
    StopMachine(paths, *current);
    RemoveLayerUnlessSaved(paths, current->layer);
  }
  LabRecord record = snapshot.record;
  record.owner = owner;
  if (current) record.ssh_port = current->ssh_port;
  try {
    record.layer = NextLayer(paths);
    CreateLayer(paths.layer(record.layer), paths.layer(snapshot.record.layer));
    StartMachine(paths, &record, StateFile(paths.snapshots() / name), deadline);
    LabGuest guest = WaitForGuest(paths, record, deadline.OrAfter(minutes(2)));
    guest.SetClock(deadline.OrAfter(minutes(1)));
    guest.ThawVms(deadline.OrAfter(minutes(1)));
    AnnounceLab(paths, &record);
  } catch (...) {
    StopMachine(paths, record);
    record.phase = LabPhase::kKept;
    record.owner.clear();
    WriteLabRecord(paths, record);
    throw;
  }
  log.Say(fmt::format("snapshot {} (of {}): restored, SSH on 127.0.0.1:{}", name, snapshot.time, record.ssh_port));
}

}  // namespace passthrough
