// What a node's kernel log can say is wrong, a line a class.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

constexpr char kDriver[] = "NvidiaKernelMessages.HaveNoDriverError";
constexpr char kLost[] = "KernelMessages.HaveNoLostDevice";
constexpr char kIommu[] = "KernelMessages.HaveNoIommuFault";
constexpr char kDevice[] = "KernelMessages.HaveNoDeviceError";
constexpr char kKernel[] = "NodeHealth.KernelHasNotFailed/@node";
constexpr char kHardware[] = "NodeHealth.HardwareHasNoError/@node";
constexpr char kDisks[] = "NodeHealth.DisksHaveNoError/@node";
constexpr char kMemory[] = "NodeHealth.MemoryIsEnough/@node";

// In a node: its GPU in $gpu, the port above it in $port, the GPU's audio function in $audio, each by its address.
constexpr char kFindAddresses[] =
    "for class in /sys/bus/pci/devices/*/class; do\n"
    "  function=${class%/class}\n"
    "  case $(cat \"$function/vendor\") in 0x10de) ;; *) continue ;; esac\n"
    "  case $(cat \"$class\") in\n"
    "  0x03*)\n"
    "    gpu=${function##*/}\n"
    "    port=$(basename \"$(dirname \"$(readlink -f \"$function\")\")\")\n"
    "    ;;\n"
    "  0x0403*) audio=${function##*/} ;;\n"
    "  esac\n"
    "done\n";

// One line of the log, of severity "error", that makes one check fail and say `says`. `line` may hold $gpu, $port and
// $audio.
Fault InLog(const std::string& id, const std::string& name, const std::string& line, const std::string& check,
            const std::string& says) {
  return {.id = id,
          .name = name,
          .in_node = fmt::format("# kernel log: {0}\n{1}echo \"<3>{0}\" >/dev/kmsg\n", line, kFindAddresses),
          .fails = {check},
          .says = {{check, says}}};
}

// The same by a process that writes it once the GPU was removed from the bus. Where it comes back at once, its
// directory in sysfs is another one.
std::string SayWhenTheGpuIsRemoved(const std::string& line) {
  return fmt::format(
      "# kernel log, as soon as the GPU was removed from the bus: {0}\n"
      "{1}"
      "cat >/tmp/say-when-removed <<END\n"
      "number() {{ stat -c %i /sys/bus/pci/devices/$gpu/ 2>/dev/null; }}\n"
      "before=\\$(number)\n"
      "while [ \"\\$(number)\" = \"\\$before\" ]; do sleep 0.1; done\n"
      "echo '<3>{0}' >/dev/kmsg\n"
      "END\n"
      "setsid sh /tmp/say-when-removed </dev/null >/dev/null 2>&1 &\n",
      line, kFindAddresses);
}

}  // namespace

// What NVIDIA's driver says without a Xid.
std::vector<Fault> DriverLogFaults() {
  return {
      InLog("N20e", "the driver's watchdog takes the GPU for locked",
            "NVRM: GPU0 krcWatchdog_IMPL: RC watchdog: GPU is probably locked!  Notify Timeout Seconds: 7", kDriver,
            "probably locked"),
      InLog("N20f", "the GPU's firmware has no heartbeat any more",
            "NVRM: GPU0 kgspHealthCheck_TU102: GSP RM heartbeat timed out", kDriver, "heartbeat"),
      InLog("N20g", "the GPU's firmware did not answer a call",
            "NVRM: GPU0 sanity check failed 0x65 waiting for RPC response from GSP. Expected function 76", kDriver,
            "waiting for RPC response"),
      InLog("N20h", "the GPU was removed while it was in use",
            "NVRM: Attempting to remove device $gpu with non-zero usage count!", kDriver, "non-zero usage count"),
      InLog("N20i", "the GPU has no message-signalled interrupts",
            "NVRM: GPU $gpu: Failed to enable MSI; falling back to PCIe virtual-wire interrupts.", kDriver,
            "falling back to"),
      InLog("N20j", "the GPU's display engine hangs",
            "nvidia-modeset: ERROR: GPU:0: Idling display engine timed out: 0x0000c67d:0:0:1222", kDriver,
            "display engine timed out"),
      InLog(
          "N20k", "nvidia-drm has no device for the GPU",
          "[drm:nv_drm_load [nvidia_drm]] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to allocate NvKmsKapiDevice",
          kDriver, "NvKmsKapiDevice"),
      InLog("N20l", "unified memory gave up", "nvidia-uvm: Encountered a global fatal error: NV_ERR_RC_ERROR", kDriver,
            "global fatal error"),
      InLog("N20m", "an assertion of the driver says that the GPU is lost",
            "NVRM: nvCheckOkFailedNoLog: Check failed: GPU lost from the bus [NV_ERR_GPU_IS_LOST] (0x0000000F)", kLost,
            "GPU lost from the bus"),
  };
}

// What the kernel says of a PCI function.
std::vector<Fault> DeviceLogFaults() {
  return {
      InLog("N7c", "a BAR of the GPU cannot be claimed",
            "pci $gpu: BAR 1 [mem 0x800000000-0xfffffffff 64bit pref]: can't claim; no compatible bridge window",
            "KernelMessages.HaveNoBarWithoutSpace", "can't claim"),
      InLog("N21d", "the node's IOMMU (Intel) refused an access of the GPU",
            "DMAR: [DMA Write NO_PASID] Request device [${gpu#0000:}] fault addr 0xdeadbeef000 [fault reason 0x05] PTE "
            "Write access is not set",
            kIommu, "PTE Write access is not set"),
      InLog("N21e", "the node's IOMMU (AMD) refused an access of the GPU",
            "nvidia $gpu: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0013 address=0x1000 flags=0x0020]", kIommu,
            "IO_PAGE_FAULT"),
      InLog("N21f", "the node's IOMMU (SMMU) refused an access of the GPU",
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: $gpu sid: 0x500 ssid: 0x0 iova: 0x0", kIommu,
            "F_TRANSLATION"),
      InLog("N21g", "the slot of the GPU went down", "pcieport $port: pciehp: Slot(0-3): Link Down", kLost,
            "Link Down"),
      InLog("N21h", "a port contained an error of the GPU's link",
            "pcieport $port: DPC: containment event, status:0x1f01 source:0x0000", "KernelMessages.HaveNoPcieError",
            "containment event"),
      InLog("N21i", "a reset of the GPU left transactions open",
            "nvidia $gpu: timed out waiting for pending transaction; performing function level reset anyway", kLost,
            "pending transaction"),
      InLog("N34", "the GPU's audio function has no codecs", "snd_hda_intel $audio: no codecs found!", kDevice,
            "no codecs found"),
      InLog("N34b", "a driver could not take the GPU's audio function",
            "snd_hda_intel: probe of $audio failed with error -12", kDevice, "failed with error -12"),
      InLog("N34c", "the GPU's audio function does not answer",
            "snd_hda_intel $audio: CORB reset timeout#2, CORBRP = 65535", kDevice, "CORB reset timeout"),
  };
}

// What the kernel says of the node.
std::vector<Fault> NodeLogFaults() {
  return {
      InLog("N31d", "an interrupt of the node was switched off",
            "irq 16: nobody cared (try booting with the \\\"irqpoll\\\" option)", kKernel, "nobody cared"),
      InLog("N31e", "the kernel's memory is in disorder: a page", "BUG: Bad page state in process python3  pfn:12345",
            kKernel, "Bad page state"),
      InLog("N31f", "the kernel's memory is in disorder: a list",
            "list_del corruption, ffff88810000->next is LIST_POISON1 (dead000000000100)", kKernel,
            "list_del corruption"),
      InLog("N32d", "the node's disk has I/O errors",
            "I/O error, dev vda, sector 12345 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2", kDisks,
            "I/O error, dev vda"),
      InLog("N32e", "a file system of the node is in disorder",
            "EXT4-fs error (device vda1): ext4_find_entry:1463: inode #2: comm ls: reading directory lblock 0", kDisks,
            "EXT4-fs error"),
      InLog("N32f", "the node's storage has no space",
            "blk_update_request: critical space allocation error, dev vda, sector 1", kDisks, "space allocation error"),
      InLog("N32g", "a machine check in the node",
            "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5: bea0000000000108", kHardware, "Machine Check"),
      InLog("N32h", "a page of the node's memory failed",
            "Memory failure: 0x12345: recovery action for dirty LRU page: Recovered", kHardware, "Memory failure"),
      // With --attach, where others' programs may have run, it is a note; so it stands in evidence of a run that
      // deployed.
      {.id = "N32i",
       .name = "the node ran out of memory",
       .mode = FaultMode::kReplay,
       .in_evidence = "echo '[   20.000000] Out of memory: Killed process 812 (python3) total-vm:1kB' "
                      ">>evidence/hpc_compute_01/kernel_log.txt",
       .fails = {kMemory},
       .says = {{kMemory, "Out of memory"}}},
  };
}

// What the log says only after a step of the disruption.
std::vector<Fault> LogAfterStepFaults() {
  const std::vector<std::string> rescan{"--disruptive", "--target-vm", "hpc_compute_01",
                                        "--gtest_filter=DisruptiveRescan*"};
  return {
      {.id = "N28e",
       .name = "the removal of the GPU leaves a PCIe error",
       .in_node =
           SayWhenTheGpuIsRemoved("pcieport 0000:00:02.0: AER: Uncorrected (Fatal) error received: 0000:05:00.0"),
       .suite_options = rescan,
       .fails = {"DisruptiveRescan.GpusComeBack"},
       .says = {{"DisruptiveRescan.GpusComeBack", "after remove and rescan: the kernel log says"}}},
      {.id = "N28f",
       .name = "the removal of the GPU leaves a Xid",
       .in_node = SayWhenTheGpuIsRemoved("NVRM: Xid (PCI:0000:05:00): 79, pid=1234, GPU has fallen off the bus."),
       .suite_options = rescan,
       .fails = {"DisruptiveRescanNvidia.DriverIsBoundAgain"},
       .says = {{"DisruptiveRescanNvidia.DriverIsBoundAgain",
                 "after remove and rescan: GPU 0000:05:00 reported Xid 79"}}},
      {.id = "N28g",
       .name = "the removal of the GPU makes the kernel fail",
       .in_node = SayWhenTheGpuIsRemoved("BUG: kernel NULL pointer dereference, address: 0000000000000008"),
       .suite_options = rescan,
       .fails = {"DisruptiveRescan.GpusComeBack"},
       .says = {{"DisruptiveRescan.GpusComeBack", "NULL pointer dereference"}}},
  };
}

}  // namespace passthrough
