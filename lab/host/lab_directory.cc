#include "lab/host/lab_directory.h"

#include <fmt/format.h>
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
// One that is none of them was written by half: "starting" is what such a lab is.
NLOHMANN_JSON_SERIALIZE_ENUM(LabPhase,
                             {{LabPhase::kStarting, "starting"}, {LabPhase::kUp, "up"}, {LabPhase::kKept, "kept"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LabRecord, id, phase, owner, cluster_file, images, accelerator, memory_mib, cpus,
                                   functions, machine_key, machine_arguments, disk_address, network_address,
                                   entropy_address, ssh_port, layer)

namespace {

using nlohmann::json;

// Text that no other program's lab.json would have.
constexpr char kFormat[] = "pcie-passthrough-suite lab 1";

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
  json value = record;
  value["format"] = kFormat;
  return value.dump(2) + "\n";
}

LabRecord LabRecordFromJson(std::string_view text) {
  try {
    const json value = json::parse(text);
    if (value.at("format") != kFormat) throw Error("not a lab's record, or of another version");
    return value.get<LabRecord>();
  } catch (const json::exception& error) {
    throw Error(error.what());
  }
}

std::optional<LabRecord> ReadLabRecord(const LabPaths& paths) {
  if (!std::filesystem::exists(paths.record())) return std::nullopt;
  try {
    return LabRecordFromJson(ReadFile(paths.record()));
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", paths.record().string(), error.what()));
  }
}

void WriteLabRecord(const LabPaths& paths, const LabRecord& record) { WriteFile(paths.record(), ToJson(record), 0600); }

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

LabLock::LabLock(const std::filesystem::path& directory, const Deadline& deadline) : directory_(directory) {
  lock_ = WaitFor(deadline, fmt::format("{}: waiting for another command on this lab", directory.string()),
                  [&](std::string* last_cause) -> std::optional<FileLock> {
                    *last_cause = "another passthrough-lab is at work on it";
                    try {
                      std::filesystem::create_directories(directory);  // `down` may have removed it meanwhile
                      Descriptor opened = OpenDirectory(directory);
                      if (opened) return FileLock::Try(std::move(opened), directory);
                      *last_cause = strerror(errno);
                    } catch (const Error& error) {
                      *last_cause = error.what();
                    }
                    return std::nullopt;
                  });
  CheckIsALabOrEmpty(directory);
}

LabLock::~LabLock() {
  std::error_code ignored;
  // A directory that nothing was put into need not stay.
  if (std::filesystem::is_empty(directory_, ignored)) rmdir(directory_.c_str());
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
