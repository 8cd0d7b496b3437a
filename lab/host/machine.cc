#include "lab/host/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

constexpr int kHostMemoryMiB = 1024;
// What the QEMU of a node takes beside the node's memory, most of it translated code.
constexpr int kNodeOverheadMiB = 192;
constexpr int kMemoryStepMiB = 512;

// Of the host's own card, by which its network settings know it (lab/images/host/files/etc/systemd/network).
constexpr char kOwnMac[] = "52:54:00:00:02:0f";

// The IOMMU is the point of it all. pcie_scan_all: see MakeLabTopology. The rest saves time where
// every instruction is emulated: no self tests, no mitigations for a processor that is software, no
// check of a timer that may come late; and entropy from the start, which SSH and libvirt wait for
// otherwise.
constexpr char kKernelArguments[] =
    "root=/dev/vda rw console=ttyS0 quiet panic=1 intel_iommu=on pci=pcie_scan_all "
    "random.trust_cpu=on no5lvl mitigations=off cryptomgr.notests no_timer_check noreplace-smp audit=0 "
    "apparmor=0 systemd.show_status=0";

// Under emulation the guest's time stamp counter is this processor's own. Linux measures its rate
// at boot, gets it wrong by any factor on a busy machine, and the clock runs at that factor from
// then on; so it is given to the kernel (kernel-parameters.txt: tsc_early_khz, tsc).
std::string ClockArguments(const LabMachine& machine) {
  if (machine.accelerator == Accelerator::kKvm || machine.tsc_mhz == 0) return "";
  return fmt::format(" tsc_early_khz={} tsc=reliable", machine.tsc_mhz * 1000);
}

// What emulation pretends to be: everything that QEMU can, so that the host's own programs find the
// instructions they like.
std::string CpuArgument(Accelerator accelerator) { return accelerator == Accelerator::kKvm ? "host" : "max"; }

std::vector<std::string> MachineArgument(Accelerator accelerator) {
  // Interrupt remapping under KVM needs the I/O APIC outside the kernel (QEMU, docs: intel-iommu).
  const char* const irqchip = accelerator == Accelerator::kKvm ? ",kernel-irqchip=split" : "";
  return {"-machine", fmt::format("q35,sata=off,smbus=off,vmport=off{}", irqchip), "-accel",
          accelerator == Accelerator::kKvm ? "kvm" : "tcg,thread=multi"};
}

// Text of `path` that says which processor this is; a state saved with -cpu host fits no other.
std::string ProcessorKey() {
  const std::string text = ReadFile("/proc/cpuinfo");
  return text.substr(0, text.find("\n\n"));
}

// QEMU reads ",," in an option's value as ",".
std::string EscapeCommas(std::string_view text) {
  std::string escaped;
  for (const char character : text) escaped.append(character == ',' ? 2 : 1, character);
  return escaped;
}

#ifdef __x86_64__
using Clock = std::chrono::steady_clock;

// Both clocks at one moment: the closest of some readings, for this thread may be interrupted.
std::pair<uint64_t, Clock::time_point> ReadClocks() {
  std::pair<uint64_t, Clock::time_point> best;
  auto closest = Clock::duration::max();
  for (int i = 0; i < 10; ++i) {
    const auto before = Clock::now();
    const uint64_t ticks = __rdtsc();
    const auto after = Clock::now();
    if (after - before >= closest) continue;
    closest = after - before;
    best = {ticks, before + closest / 2};
  }
  return best;
}
#endif

void Append(std::vector<std::string>* to, const std::vector<std::string>& more) {
  to->insert(to->end(), more.begin(), more.end());
}

}  // namespace

int LabMemoryMiB(const Plan& plan) {
  const int nodes = static_cast<int>(plan.RunningNodes().size());
  const int needed = kHostMemoryMiB + nodes * (kLabNodeMemoryMiB + kNodeOverheadMiB);
  return (needed + kMemoryStepMiB - 1) / kMemoryStepMiB * kMemoryStepMiB;
}

int LabCpus() { return 1; }

int TimeStampCounterMHz() {
#ifdef __x86_64__
  const auto [first_ticks, first_time] = ReadClocks();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto [last_ticks, last_time] = ReadClocks();
  const std::chrono::duration<double, std::micro> passed = last_time - first_time;
  return static_cast<int>(std::lround(static_cast<double>(last_ticks - first_ticks) / passed.count()));
#else
  return 0;
#endif
}

std::vector<std::string> MachineArguments(const LabMachine& machine) {
  std::vector<std::string> arguments = {machine.qemu.string()};
  Append(&arguments, MachineArgument(machine.accelerator));
  Append(&arguments, {"-cpu", CpuArgument(machine.accelerator), "-smp", std::to_string(machine.cpus), "-m",
                      std::to_string(machine.memory_mib), "-nodefaults", "-no-user-config", "-no-reboot", "-display",
                      "none", "-kernel", machine.kernel.string(), "-initrd", machine.initrd.string(), "-append",
                      kKernelArguments + ClockArguments(machine), "-device", "intel-iommu,intremap=on"});
  Append(&arguments, machine.topology.arguments);
  return arguments;
}

std::vector<std::string> InstanceArguments(const LabInstance& instance, const LabTopology& topology) {
  std::vector<std::string> arguments = {
      "-name", instance.name, "-qmp", "unix:qmp.sock,server=on,wait=off", "-chardev",
      "file,id=console,path=console.log,append=on", "-serial", "chardev:console",
      // A crash of this machine may lose the disk; the lab is gone then anyhow.
      "-drive", fmt::format("file={},format=qcow2,if=none,id=disk,cache=unsafe", EscapeCommas(instance.disk)),
      "-device", fmt::format("virtio-blk-pci,drive=disk,bus=pcie.0,addr={}", topology.disk_address),
      // restrict: nothing inside reaches anything outside; the forwarded port still answers.
      "-netdev", fmt::format("user,id=net,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:{}-:22", instance.ssh_port),
      "-device",
      fmt::format("virtio-net-pci,netdev=net,mac={},romfile=,bus=pcie.0,addr={}", kOwnMac, topology.network_address),
      "-device", fmt::format("virtio-rng-pci,bus=pcie.0,addr={}", topology.entropy_address)};
  if (instance.incoming) Append(&arguments, {"-incoming", "defer"});
  return arguments;
}

std::string MachineKey(const LabMachine& machine) {
  std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{} {} {}\n", machine.qemu_version, machine.image.string(), machine.manifest,
                  fmt::join(MachineArguments(machine), "\n"), machine.topology.disk_address,
                  machine.topology.network_address, machine.topology.entropy_address);
  if (machine.accelerator == Accelerator::kKvm) key += ProcessorKey();
  return key;
}

}  // namespace passthrough
