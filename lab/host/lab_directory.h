// The directory of one lab: what is known about it, and who may change it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/file_lock.h"

namespace passthrough {

enum class LabPhase {
  kStarting,  // `up` or `restore` is at it, or was and did not get to its end
  kUp,
  kKept,  // stopped by `down --keep`: snapshots can be restored
};

// lab.json: what the next command must know about a lab.
struct LabRecord {
  std::string id;  // 16 hexadecimal digits, its own at each start of QEMU
  LabPhase phase = LabPhase::kStarting;
  std::string owner;         // who had it started, as `up --owner` gave it; empty: nobody else asks for it
  std::string cluster_file;  // absolute
  std::string images;        // absolute
  std::string accelerator;   // "tcg", "kvm"
  int memory_mib = 0;
  int cpus = 0;
  std::vector<std::string> functions;  // "0000:01:00.0 gpu"
  std::string machine_key;             // MachineKey
  std::vector<std::string> machine_arguments;
  std::string disk_address;
  std::string network_address;
  std::string entropy_address;
  uint16_t ssh_port = 0;
  int layer = 0;  // the disk that QEMU writes to is layers/<layer>.qcow2

  // What FindQemu is asked for.
  std::string QemuName() const { return kQemuPrefix + id; }
  static constexpr char kQemuPrefix[] = "passthrough-lab-";
};

std::string ToJson(const LabRecord& record);
// Throws Error.
LabRecord LabRecordFromJson(std::string_view json);

// Paths below a lab's directory.
struct LabPaths {
  explicit LabPaths(std::filesystem::path lab_directory) : directory(std::move(lab_directory)) {}

  std::filesystem::path directory;
  std::filesystem::path record() const { return directory / "lab.json"; }
  std::filesystem::path facts() const { return directory / "facts.yaml"; }
  std::filesystem::path deployer() const { return directory / "deployer.json"; }
  std::filesystem::path known_hosts() const { return directory / "known_hosts"; }
  std::filesystem::path ssh_config() const { return directory / "ssh_config"; }
  std::filesystem::path ssh_program() const { return directory / "ssh"; }
  std::filesystem::path console() const { return directory / "console.log"; }
  std::filesystem::path qemu_log() const { return directory / "qemu.log"; }
  std::filesystem::path qmp_socket() const { return directory / "qmp.sock"; }
  std::filesystem::path layers() const { return directory / "layers"; }
  std::filesystem::path layer(int number) const { return layers() / (std::to_string(number) + ".qcow2"); }
  // What a layer of a saved state is a difference to.
  std::filesystem::path layer_base(int number) const {
    return layers() / ("base-" + std::to_string(number) + ".qcow2");
  }
  std::filesystem::path snapshots() const { return directory / "snapshots"; }
};

// nullopt where there is no lab in this directory. Throws Error where there is one but its record
// cannot be read.
std::optional<LabRecord> ReadLabRecord(const LabPaths& paths);
void WriteLabRecord(const LabPaths& paths, const LabRecord& record);

// The number of a disk layer that is not there yet; larger than all that are.
int NextLayer(const LabPaths& paths);

// Sixteen random hexadecimal digits.
std::string NewLabId();

// The right to change a lab, held by one command at a time; ends with the process, however it ends.
class LabLock {
 public:
  // Makes the directory where it is missing and takes the lock, waiting for another command to end.
  // Throws Error where the directory has something in it that is not a lab's; TimeoutError.
  LabLock(const std::filesystem::path& directory, const Deadline& deadline);
  ~LabLock();
  LabLock(const LabLock&) = delete;
  LabLock& operator=(const LabLock&) = delete;

  // Removes everything in the directory. The directory itself goes with the lock, if it is empty.
  // Throws where something cannot be removed.
  void RemoveContents();

 private:
  std::filesystem::path directory_;
  std::optional<FileLock> lock_;
};

}  // namespace passthrough
