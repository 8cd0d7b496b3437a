#include "lab/lab_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

using nlohmann::json;

// Text that no other program's lab.json would have.
constexpr char kFormat[] = "pcie-passthrough-suite lab 1";

std::string_view ToString(LabPhase phase) {
  switch (phase) {
    case LabPhase::kStarting:
      return "starting";
    case LabPhase::kUp:
      return "up";
    case LabPhase::kKept:
      return "kept";
  }
  return "starting";
}

LabPhase PhaseFrom(const std::string& text) {
  for (const LabPhase phase : {LabPhase::kUp, LabPhase::kKept}) {
    if (text == ToString(phase)) return phase;
  }
  return LabPhase::kStarting;
}

// Whether the open directory is still the one at `path`: `down` may have removed it meanwhile.
bool IsStillAt(int descriptor, const std::filesystem::path& path) {
  struct stat open_one, named;
  return fstat(descriptor, &open_one) == 0 && stat(path.c_str(), &named) == 0 &&
         open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

void CheckIsALabOrEmpty(const std::filesystem::path& directory) {
  if (std::filesystem::is_empty(directory)) return;
  if (ReadLabRecord(LabPaths(directory))) return;
  throw Error(
      fmt::format("{} is not empty and has no lab in it (no lab.json): choose another "
                  "--lab-dir",
                  directory.string()));
}

}  // namespace

std::string ToJson(const LabRecord& record) {
  const json value = {{"format", kFormat},
                      {"id", record.id},
                      {"phase", ToString(record.phase)},
                      {"owner", record.owner},
                      {"cluster_file", record.cluster_file},
                      {"images", record.images},
                      {"accelerator", record.accelerator},
                      {"memory_mib", record.memory_mib},
                      {"cpus", record.cpus},
                      {"functions", record.functions},
                      {"machine_key", record.machine_key},
                      {"machine_arguments", record.machine_arguments},
                      {"disk_address", record.disk_address},
                      {"network_address", record.network_address},
                      {"entropy_address", record.entropy_address},
                      {"ssh_port", record.ssh_port},
                      {"layer", record.layer}};
  return value.dump(2) + "\n";
}

LabRecord LabRecordFromJson(std::string_view text) {
  try {
    const json value = json::parse(text);
    if (value.at("format") != kFormat) throw Error("not a lab's record, or of another version");
    LabRecord record;
    record.id = value.at("id");
    record.phase = PhaseFrom(value.at("phase"));
    record.owner = value.value("owner", "");  // labs and snapshots of earlier versions have none
    record.cluster_file = value.at("cluster_file");
    record.images = value.at("images");
    record.accelerator = value.at("accelerator");
    record.memory_mib = value.at("memory_mib");
    record.cpus = value.at("cpus");
    record.functions = value.at("functions").get<std::vector<std::string>>();
    record.machine_key = value.at("machine_key");
    record.machine_arguments = value.at("machine_arguments").get<std::vector<std::string>>();
    record.disk_address = value.at("disk_address");
    record.network_address = value.at("network_address");
    record.entropy_address = value.at("entropy_address");
    record.ssh_port = value.at("ssh_port");
    record.layer = value.at("layer");
    return record;
  } catch (const json::exception& error) {
    throw Error(error.what());
  }
}

std::filesystem::path DefaultLabDirectory() {
  const auto set = [](const char* name) -> std::optional<std::filesystem::path> {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
  if (const auto directory = set("PASSTHROUGH_LAB_DIR")) return *directory;
  const auto state = set("XDG_STATE_HOME");
  return (state ? *state : ExpandHome("~/.local/state")) / "pcie-passthrough-suite/labs/default";
}

std::optional<LabRecord> ReadLabRecord(const LabPaths& paths) {
  if (!std::filesystem::exists(paths.record())) return std::nullopt;
  try {
    return LabRecordFromJson(ReadFile(paths.record()));
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", paths.record().string(), error.what()));
  }
}

void WriteLabRecord(const LabPaths& paths, const LabRecord& record) {
  WriteFile(paths.record(), ToJson(record), 0600);
}

int NextLayer(const LabPaths& paths) {
  int next = 0;
  for (const auto& entry : std::filesystem::directory_iterator(paths.layers())) {
    const std::string name = entry.path().stem();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    next = std::max(next, number + 1);
  }
  return next;
}

std::string NewLabId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

LabLock::LabLock(const std::filesystem::path& directory, const Deadline& deadline)
    : directory_(directory) {
  descriptor_ = WaitFor(
      deadline, fmt::format("{}: waiting for another command on this lab", directory.string()),
      [&](std::string* last_cause) -> std::optional<int> {
        std::filesystem::create_directories(directory);
        const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
            IsStillAt(descriptor, directory)) {
          return descriptor;
        }
        *last_cause =
            errno == EWOULDBLOCK ? "another passthrough-lab is at work on it" : strerror(errno);
        if (descriptor >= 0) close(descriptor);
        return std::nullopt;
      });
  try {
    CheckIsALabOrEmpty(directory);
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

LabLock::~LabLock() {
  if (descriptor_ < 0) return;
  std::error_code ignored;
  // A directory that nothing was put into need not stay.
  if (std::filesystem::is_empty(directory_, ignored)) rmdir(directory_.c_str());
  close(descriptor_);
}

void LabLock::RemoveContents() {
  // lab.json goes last: whoever is cut off in between leaves what the next `down` understands.
  const std::filesystem::path record = LabPaths(directory_).record();
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path() != record) std::filesystem::remove_all(entry.path());
  }
  std::filesystem::remove(record);
}

}  // namespace passthrough
