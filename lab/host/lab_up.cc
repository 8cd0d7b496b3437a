#include "lab/host/lab_up.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/install_paths.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/config/plan.h"
#include "lab/host/kvm_probe.h"
#include "lab/host/lab_directory.h"
#include "lab/host/lab_disks.h"
#include "lab/host/lab_images.h"
#include "lab/host/lab_snapshots.h"
#include "lab/host/lab_start.h"
#include "lab/host/machine.h"
#include "lab/host/qemu_process.h"
#include "lab/host/qmp.h"
#include "lab/host/saved_state.h"
#include "lab/host/state_cache.h"

namespace passthrough {
namespace {

using std::chrono::minutes;

// Measured: 20 s on two cores without KVM. A laden machine may take many times that.
constexpr minutes kBootLimit(10);

std::vector<std::string> FunctionTexts(const LabTopology& topology) {
  std::vector<std::string> texts;
  for (const LabFunction& function : topology.functions) {
    texts.push_back(
        fmt::format("{} {}", function.address.ToString(), function.filler ? "filler" : ToString(function.type)));
  }
  return texts;
}

LabMachine DescribeMachine(const Plan& plan, const LabTopology& topology, const LabImages& images, const StepLog& log) {
  LabMachine machine;
  machine.qemu = QemuProgram();
  machine.qemu_version = QemuVersion(machine.qemu);
  const KvmAnswer kvm = ProbeKvm(machine.qemu);
  machine.accelerator = kvm.works ? Accelerator::kKvm : Accelerator::kEmulation;
  machine.memory_mib = LabMemoryMiB(plan);
  machine.cpus = LabCpus();
  machine.tsc_mhz = TimeStampCounterMHz();
  machine.kernel = images.kernel();
  machine.initrd = images.initrd();
  machine.image = images.host_disk();
  machine.manifest = images.manifest;
  machine.topology = topology;
  log.Say(fmt::format("lab host: {}; {} MiB, {}{}", kvm.reason, machine.memory_mib,
                      Count(static_cast<size_t>(machine.cpus), "processor"), kvm.works ? "" : ", emulated"));
  return machine;
}

// What is run in a lab host once, before its state is saved.
std::string Rehearsal() { return ReadFile(DataDirectory() / "lab/host/rehearse-deployment.sh"); }

LabRecord NewRecord(const LabUpOptions& options, const LabMachine& machine, const LabImages& images,
                    const std::string& rehearsal) {
  LabRecord record;
  record.id = NewLabId();
  record.owner = options.owner;
  record.cluster_file = std::filesystem::absolute(options.cluster_file).lexically_normal();
  record.images = images.directory;
  record.accelerator = ToString(machine.accelerator);
  record.memory_mib = machine.memory_mib;
  record.cpus = machine.cpus;
  record.functions = FunctionTexts(machine.topology);
  record.machine_key = MachineKey(machine) + rehearsal;
  record.machine_arguments = MachineArguments(machine);
  record.disk_address = machine.topology.disk_address;
  record.network_address = machine.topology.network_address;
  record.entropy_address = machine.topology.entropy_address;
  return record;
}

// The lab that runs here serves this plan too, or an Error says why not.
void CheckServes(const LabRecord& record, const Plan& plan, const LabTopology& topology, const LabImageRecipe& images,
                 const std::filesystem::path& directory) {
  if (images.IsChosen() && ImageDirectory(images) != record.images) {
    throw Error(
        fmt::format("a lab of other releases, kernel or QEMU runs in {}. Choose another --lab-dir, or take it "
                    "down first: {}",
                    directory.string(), LabCommand({"down", "--lab-dir", directory.string()})));
  }
  const std::vector<std::string> wanted = FunctionTexts(topology);
  if (record.functions != wanted) {
    throw Error(fmt::format(
        "a lab with other functions runs in {}: it has [{}], {} needs [{}]. Choose another --lab-dir, or take it "
        "down first: {}",
        directory.string(), fmt::join(record.functions, ", "), plan.config_path, fmt::join(wanted, ", "),
        LabCommand({"down", "--lab-dir", directory.string()})));
  }
  const int memory = LabMemoryMiB(plan);
  if (record.memory_mib < memory) {
    throw Error(fmt::format("the lab that runs in {} has {} MiB of memory, {} needs {} MiB. Take it down first: {}",
                            directory.string(), record.memory_mib, plan.config_path, memory,
                            LabCommand({"down", "--lab-dir", directory.string()})));
  }
}

// One `up` that found no lab running.
class Start {
 public:
  std::filesystem::path host_disk;
  std::string rehearsal;

  Start(const LabPaths& paths, const LabUpOptions& options, const StepLog& log, LabRecord record,
        const Deadline& deadline)
      : paths_(paths), log_(log), cache_(options.images.cache), record_(std::move(record)), deadline_(deadline) {
    std::filesystem::create_directories(paths.layers());
  }

  void Run(bool fresh) {
    if (fresh || !FromSavedState()) FromItsBeginning();
    AnnounceLab(paths_, &record_);
    log_.Say(fmt::format("lab host: up, SSH on 127.0.0.1:{}, {}", record_.ssh_port, paths_.facts().string()));
  }

 private:
  bool FromSavedState() {
    const std::optional<BootedState> saved = cache_.Find(record_.machine_key);
    if (!saved) return false;
    log_.Say("lab host: starting from its saved state");
    record_.layer = NextLayer(paths_);
    const std::filesystem::path base = paths_.layer_base(record_.layer);
    try {
      LinkOrCopy(saved->disk(), base);
      CreateLayer(paths_.layer(record_.layer), base);
      StartMachine(paths_, &record_, saved->state(), deadline_);
      LabGuest guest = WaitForGuest(paths_, record_, deadline_.OrAfter(minutes(2)));
      guest.SetClock(deadline_.OrAfter(minutes(1)));
      return true;
    } catch (const InterruptedError&) {
      throw;
    } catch (const std::exception& error) {
      log_.Say(fmt::format("lab host: its saved state does not work and is removed: {}", error.what()));
      StopMachine(paths_, record_);
      cache_.Remove(*saved);
      return false;
    }
  }

  void FromItsBeginning() {
    log_.Say("lab host: booting (its state is kept for the next time)");
    record_.layer = NextLayer(paths_);
    CreateLayer(paths_.layer(record_.layer), host_disk);
    StartMachine(paths_, &record_, std::nullopt, deadline_);
    WaitForConsole(paths_, record_, deadline_.OrAfter(kBootLimit));
    log_.Say(fmt::format("lab host: booted; waiting for SSH on 127.0.0.1:{}", record_.ssh_port));
    LabGuest guest = WaitForGuest(paths_, record_, deadline_.OrAfter(kBootLimit));
    log_.Say("lab host: SSH answers; waiting for libvirt");
    WarmUp(guest);
    log_.Say("lab host: saving its state");
    KeepState();
  }

  // What every deployment would meet cold is done once, before the state is saved.
  void WarmUp(LabGuest& guest) {
    const Deadline limit = deadline_.OrAfter(kBootLimit);
    guest.Run("until virsh -q -c qemu:///system list >/dev/null 2>&1; do sleep 0.2; done", limit);
    log_.Say("lab host: libvirt answers; rehearsing a deployment");
    guest.RunScript(rehearsal, limit);
  }

  // A state that cannot be kept costs the next `up` its seconds, and this one nothing.
  void KeepState() {
    const int saved_layer = std::exchange(record_.layer, NextLayer(paths_));
    try {
      cache_.Store(record_.machine_key, [&](const BootedState& state) {
        QmpConnection qmp = QmpConnection::Open(paths_.qmp_socket(), deadline_.OrAfter(minutes(1)));
        SaveMachine(qmp, state.state(), paths_.layer(record_.layer), deadline_.OrAfter(minutes(5)));
        LinkOrCopy(paths_.layer(saved_layer), state.disk());
      });
    } catch (const InterruptedError&) {
      throw;
    } catch (const std::exception& error) {
      log_.Say(fmt::format("lab host: its state could not be kept: {}", error.what()));
    }
  }

  const LabPaths& paths_;
  const StepLog& log_;
  StateCache cache_;
  LabRecord record_;
  Deadline deadline_;
};

// Ends whatever is left of an earlier lab here. Its snapshots stay.
void CleanUp(const LabPaths& paths, LabLock& lock, bool keep) {
  std::optional<LabRecord> record = ReadLabRecord(paths);
  if (!record) return;
  StopMachine(paths, *record);
  if (!keep || ListSnapshots(paths).empty()) {
    lock.RemoveContents();
    return;
  }
  record->phase = LabPhase::kKept;
  record->owner.clear();  // what stays are snapshots, which are nobody's to take down but the user's
  WriteLabRecord(paths, *record);
  RemoveLayerUnlessSaved(paths, record->layer);
}

// Of an earlier lab here: its disk is deleted and nobody can reach it but by its process.
void EndStrays(const LabPaths& paths, const std::string& owner, const StepLog& log) {
  for (const StrayQemu& stray : StraysOf(paths)) {
    if (!owner.empty() && stray.owner != owner) continue;
    log.Say(fmt::format("lab host: its files were deleted, and its QEMU ran on; ending process {}", stray.process));
    StopQemu(stray.name, {});  // a socket in this directory would be another's
  }
}

bool IsAnothers(const LabPaths& paths, const std::string& owner, const StepLog& log) {
  if (owner.empty()) return false;
  const std::optional<LabRecord> record = ReadLabRecord(paths);
  if (!record || record->owner == owner) return false;
  log.Say(fmt::format("lab host: left alone, for {} did not start what is in {}", owner, paths.directory.string()));
  return true;
}

}  // namespace

void BringLabUp(const LabUpOptions& options, const StepLog& log, const Deadline& deadline) {
  const Plan plan = MakePlan(LoadClusterFile(options.cluster_file));
  const LabTopology topology = MakeLabTopology(plan);
  const LabPaths paths(std::filesystem::absolute(options.directory).lexically_normal());
  LabLock lock(paths.directory, deadline);

  for (const StrayQemu& stray : StraysOf(paths)) {
    log.Say(
        fmt::format("lab host: the QEMU of an earlier lab, whose files were deleted, runs on in {}. To end it: "
                    "kill {}",
                    paths.directory.string(), stray.process));
  }
  const std::optional<LabRecord> earlier = ReadLabRecord(paths);
  if (earlier && earlier->phase == LabPhase::kUp && MachineRuns(*earlier)) {
    CheckServes(*earlier, plan, topology, options.images, paths.directory);
    log.Say(
        fmt::format("lab host: already up in {}, SSH on 127.0.0.1:{}", paths.directory.string(), earlier->ssh_port));
    return;
  }
  if (earlier && earlier->phase != LabPhase::kKept) {
    log.Say("lab host: removing what an earlier lab left behind");
  }
  CleanUp(paths, lock, true);

  const LabImages images = EnsureImages(options.images, log);
  const LabMachine machine = DescribeMachine(plan, topology, images, log);
  const std::string rehearsal = Rehearsal();
  LabRecord record = NewRecord(options, machine, images, rehearsal);
  if (const auto kept = ReadLabRecord(paths); kept && kept->machine_key != record.machine_key) {
    throw Error(fmt::format(
        "{} keeps snapshots of a lab with other devices, memory, images or QEMU than {} has now. Use another "
        "--lab-dir; or go back to one of them: {}; or remove them: {}",
        paths.directory.string(), plan.config_path,
        LabCommand({"restore", "--lab-dir", paths.directory.string(), "NAME"}),
        LabCommand({"down", "--lab-dir", paths.directory.string()})));
  }
  WriteLabRecord(paths, record);
  try {
    MakeLabDisks(paths.directory, topology);
    Start start(paths, options, log, std::move(record), deadline);
    start.host_disk = images.host_disk();
    start.rehearsal = rehearsal;
    start.Run(options.fresh);
  } catch (...) {
    CleanUp(paths, lock, true);
    throw;
  }
}

void TakeLabDown(const std::filesystem::path& directory, bool keep, const StepLog& log, const std::string& owner) {
  const LabPaths paths(std::filesystem::absolute(directory).lexically_normal());
  EndStrays(paths, owner, log);
  if (!std::filesystem::exists(paths.directory)) {
    log.Say(fmt::format("lab host: there is no lab in {}", paths.directory.string()));
    return;
  }
  if (IsAnothers(paths, owner, log)) return;  // without a wait for what that one does with it
  LabLock lock(paths.directory, Deadline::After(minutes(10)).Uninterruptible());
  if (IsAnothers(paths, owner, log)) return;
  CleanUp(paths, lock, keep);
  const bool kept = std::filesystem::exists(paths.record());
  log.Say(fmt::format("lab host: down{}", kept ? ", its snapshots are kept" : ""));
}

}  // namespace passthrough
