// Classes of lines of the kernel's log: lines in the forms of several releases of kernel and driver, and the check that
// reports each; and logs of healthy machines, of which no check reports anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/health/device_log_problems.h"
#include "helpers/health/kernel_log_problems.h"
#include "helpers/health/log_devices.h"
#include "helpers/health/node_log_problems.h"
#include "helpers/health/node_problems.h"
#include "helpers/health/nvidia/driver_log_problems.h"
#include "tests/health/health_test_tools.h"
#include "tests/health/healthy_boots.h"
#include "tests/health/healthy_log.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Function(const std::string& address, const std::string& id, const std::string& class_code,
                     const std::string& parent = "") {
  return "function: " + address + "\nvendor: 0x" + id.substr(0, 4) + "\ndevice: 0x" + id.substr(5) +
         "\nsubsystem_vendor: 0x0\nsubsystem_device: 0x0\nclass: 0x" + class_code + "\nrevision: 0xa1\n" +
         (parent.empty() ? "" : "parent: " + parent + "\n");
}

// A GPU with its companions behind a port of its own; of them, the plan has the GPU, and the audio function where
// `with_audio`. Beside them a network card and an audio controller of the machine.
class Machine {
 public:
  explicit Machine(bool with_companions = true) {
    std::vector<const PciFunction*> planned;
    for (const char* address : {"0000:05:00.0", "0000:05:00.1", "0000:05:00.2", "0000:05:00.3"}) {
      planned.push_back(pci_.Find(*PciAddress::Parse(address)));
      if (!with_companions) break;
    }
    devices_ = LogDevices(pci_, planned);
  }
  const LogDevices& devices() const { return devices_; }
  const PciEvidence& pci() const { return pci_; }

 private:
  const PciEvidence pci_ = PciEvidence::Parse(Function("0000:00:01.3", "1b36:000c", "060400") +
                                                  Function("0000:00:1b.0", "8086:293e", "040300") +
                                                  Function("0000:03:00.0", "1af4:1041", "020000") +
                                                  Function("0000:05:00.0", "10de:2684", "030000", "0000:00:01.3") +
                                                  Function("0000:05:00.1", "10de:22bd", "040300", "0000:00:01.3") +
                                                  Function("0000:05:00.2", "10de:1ada", "0c0330", "0000:00:01.3") +
                                                  Function("0000:05:00.3", "10de:1adb", "0c8000", "0000:00:01.3") +
                                                  Function("0000:07:00.0", "10de:22ba", "040300") + "end: pci\n",
                                              "p.txt");
  LogDevices devices_;
};

// What each check makes of `text`: "lost", or "note lost"; one word a finding.
std::vector<std::string> Verdicts(const std::string& text, const Machine& machine = Machine()) {
  const KernelLog log = Log("[    0.000000] Linux version 6.1\n" + text);
  const LogDevices& devices = machine.devices();
  std::vector<std::string> verdicts;
  const auto add = [&](const std::string& check, const Findings& findings) {
    for (const Finding& finding : findings) verdicts.push_back((finding.note ? "note " : "") + check);
  };
  std::vector<const PciFunction*> functions;
  for (const PciFunction& one : machine.pci().functions) {
    if (one.vendor == 0x10de) functions.push_back(&one);
  }
  add("xid", XidProblems(log));
  add("init", DriverInitProblems(log));
  add("driver", DriverErrorProblems(log));
  add("lost", LostGpuProblems(log));
  add("lost", LostDeviceProblems(log, IsOfNvidiaDriver, devices));
  add("pcie", PcieErrorProblems(log));
  add("bar", BarSpaceProblems(log, functions));
  add("iommu", IommuFaultProblems(log, devices));
  add("device", DeviceLogProblems(log, devices, IsOfNvidiaDriver));
  add("kernel", OopsProblems(log));
  add("kernel", StallProblems(log));
  add("kernel", KernelMemoryProblems(log));
  add("hardware", HardwareProblems(log));
  add("disk", DiskLogProblems(log));
  add("memory", OutOfMemoryProblems(log));
  add("gap", LogGapProblems(log));
  return verdicts;
}

void ExpectEach(const std::string& verdict, const std::vector<std::string>& lines, const Machine& machine = Machine()) {
  for (const std::string& line : lines) {
    EXPECT_THAT(Verdicts("[   71.300000] " + line + "\n", machine), ElementsAre(verdict)) << line;
  }
}

void ExpectNone(const std::vector<std::string>& lines, const Machine& machine = Machine()) {
  for (const std::string& line : lines) {
    EXPECT_THAT(Verdicts("[   71.300000] " + line + "\n", machine), IsEmpty()) << line;
  }
}

TEST(KernelLogClasses, AddressesInAllTheirForms) {
  const auto addresses = [](std::string_view text) {
    std::vector<std::string> all;
    for (const PciAddress& one : PciAddressesIn(text)) all.push_back(one.ToString());
    return all;
  };
  EXPECT_THAT(addresses("nvidia 0000:05:00.0: x"), ElementsAre("0000:05:00.0"));
  EXPECT_THAT(addresses("AER: received: 0000:00:02.0, 0000:05:00.1"), ElementsAre("0000:00:02.0", "0000:05:00.1"));
  EXPECT_THAT(addresses("Request device [05:00.1] PASID"), ElementsAre("0000:05:00.1"));
  EXPECT_THAT(addresses("Request device [0x05:0x1f.1] fault"), ElementsAre("0000:05:1f.1"));
  EXPECT_THAT(addresses("NVRM: Xid (PCI:0000:05:00): 79"), ElementsAre("0000:05:00.0"));
  for (const char* none : {"", "12:34:56.7", "52:54:00:12:34:56", "[mem 0x00:00]", "1.5", "a:b", "0000:", "05:20.0",
                           "2026-11-26T07:36:03", "fe80::5054:ff:fe12:3456", "version 535.54.03"}) {
    EXPECT_THAT(addresses(none), IsEmpty()) << none;
  }
}

TEST(KernelLogClasses, WhoseAFunctionIs) {
  const Machine machine(false);
  for (const auto& [line, owner] : std::vector<std::pair<std::string, LineOwner>>{
           {"nvidia 0000:05:00.0: x", LineOwner::kPlanned},
           {"pcieport 0000:00:01.3: error from 0000:05:00.0", LineOwner::kPlanned},
           {"snd_hda_intel 0000:05:00.1: x", LineOwner::kCompanion},
           {"pcieport 0000:00:01.3: x", LineOwner::kBridge},
           {"virtio 0000:03:00.0: x", LineOwner::kOther},
           {"snd_hda_intel 0000:07:00.0: of the GPU's maker, on a slot of its own", LineOwner::kCompanion},
           {"pci 0000:09:00.0: x", LineOwner::kUnknown},
           {"no function at all", LineOwner::kUnknown}}) {
    EXPECT_EQ(machine.devices().OwnerOf(line), owner) << line;
    EXPECT_EQ(LogDevices().OwnerOf(line), LineOwner::kUnknown) << line;
  }
}

TEST(KernelLogClasses, DevicesThatStoppedAnswering) {
  ExpectEach("lost", {"nvidia 0000:05:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
                      "nvidia 0000:05:00.0: Unable to change power state from D3hot to D0, device inaccessible",
                      "pci 0000:05:00.0: not ready 65535ms after bus reset; giving up",
                      "vfio-pci 0000:05:00.0: timed out waiting for pending transaction; performing function level "
                      "reset anyway",
                      "nvidia 0000:05:00.0: Refused to change power state, currently in D3",
                      "pcieport 0000:00:01.3: pciehp: Slot(0-3): Link Down",
                      "pcieport 0000:00:01.3: pciehp: Slot(0-3): Card not present",
                      "pcieport 0000:00:01.3: pciehp: Slot(3): Power fault",
                      "pciehp 0000:00:01.3:pcie004: Slot(3): Cannot train link: status 0x5811",
                      "pcieport 0000:00:01.3: pciehp: Failed to check link status",
                      "pcieport 0000:00:01.3: broken device, retraining non-functional downstream link at 2.5GT/s "
                      "retraining failed",
                      "NVRM: GPU 0000:05:00.0: GPU has fallen off the bus.",
                      "NVRM: nvCheckOkFailedNoLog: Check failed: GPU lost from the bus [NV_ERR_GPU_IS_LOST] "
                      "(0x0000000F) returned from rmapiControl @ rmapi.c:12"});
}

TEST(KernelLogClasses, ALostDeviceOfSomebodyElseIsANote) {
  ExpectEach("note lost", {"e1000e 0000:03:00.0: Refused to change power state from D0 to D3hot",
                           "igb 0000:0b:00.0: Refused to change power state from D0 to D3hot",
                           "virtio-pci 0000:03:00.0: Unable to change power state from D3hot to D0, device "
                           "inaccessible"});
  ExpectNone({"pcieport 0000:00:01.3: pciehp: Slot(0-3): Link Down event ignored; already powering off",
              "pcieport 0000:00:01.3: pciehp: Slot(0-3): Powering off due to button press",
              "pcieport 0000:00:01.3: pciehp: Slot(0-3): Card present", "pci 0000:05:00.0: ready 1023ms after FLR",
              "pci 0000:05:00.0: not ready 1023ms after FLR; waiting"});
  const KernelLog log = Log("pcieport 0000:00:01.3: pciehp: Slot(0-3): Link Down\n");
  EXPECT_THAT(Texts(LostDeviceProblems(log, {}, {}, HotPlug::kOnPurpose)), IsEmpty());
}

TEST(KernelLogClasses, UncorrectedPcieErrors) {
  ExpectEach("pcie", {"pcieport 0000:00:01.3: AER: Uncorrectable (Fatal) error message received from 0000:05:00.0",
                      "pcieport 0000:00:01.3: AER: Multiple Uncorrected (Non-Fatal) error received: 0000:05:00.0",
                      "nvidia 0000:05:00.0: PCIe Bus Error: severity=Uncorrectable (Non-Fatal), type=Transaction "
                      "Layer, (Requester ID)",
                      "nvidia 0000:05:00.0:    [18] MalfTLP                (First)",
                      "nvidia 0000:05:00.0: AER: can't "
                      "recover (no error_detected callback)",
                      "pcieport 0000:00:01.3: AER: device recovery failed",
                      "pcieport 0000:00:01.3: AER: subordinate device reset failed",
                      "pcieport 0000:00:01.3: DPC: unmasked uncorrectable error detected",
                      "pcieport 0000:00:01.3: DPC: containment event, status:0x1f11 source:0x0500"});
  ExpectNone({"pcieport 0000:00:01.3: AER: Correctable error message received from 0000:05:00.0",
              "pcieport 0000:00:01.3: AER: Multiple Corrected error received: 0000:05:00.0",
              "nvidia 0000:05:00.0: PCIe Bus Error: severity=Correctable, type=Physical Layer, (Receiver ID)",
              "nvidia 0000:05:00.0:   device [10de:2684] error status/mask=00000001/0000a000",
              "nvidia 0000:05:00.0:    [ 0] RxErr                  (First)", "nvidia 0000:05:00.0:    [12] Timeout",
              "nvidia 0000:05:00.0: AER:   Error of this Agent is reported first"});
}

TEST(KernelLogClasses, BarsThatCannotBeClaimed) {
  ExpectEach("bar", {"pci 0000:05:00.0: can't claim BAR 1 [mem 0x800000000-0xfffffffff 64bit pref]: no compatible "
                     "bridge window",
                     "pci 0000:05:00.0: can't claim BAR 0 [mem 0xfc000000-0xfcffffff]: address conflict with PCI Bus "
                     "0000:00",
                     "pci 0000:05:00.0: BAR 1 [mem 0x800000000-0xfffffffff 64bit pref]: can't claim; no compatible "
                     "bridge window",
                     "nvidia 0000:05:00.0: can't enable device: BAR 1 [mem 0x0-0xfff 64bit pref] not assigned",
                     "nvidia 0000:05:00.0: BAR 0: can't reserve [mem 0xfc000000-0xfcffffff]",
                     "pci 0000:05:00.0: BAR 3: error updating (0x0000000c != 0xffffffff)",
                     "pci 0000:05:00.1: BAR 0: failed to assign [mem size 0x00004000]"});
  ExpectNone({"pci 0000:05:00.0: can't claim BAR 6 [mem 0xfffe0000-0xffffffff pref]: no compatible bridge window",
              "pci 0000:05:00.0: BAR 5 [io  size 0x0080]: can't assign; no space",
              "pci 0000:05:00.0: BAR 7: failed to assign [mem size 0x1000000 64bit pref]",
              "pci 0000:00:01.3: BAR 13: no space for [io  size 0x1000]",
              "pci 0000:03:00.0: can't claim BAR 1 [mem 0xfe000000-0xfe000fff]: no compatible bridge window",
              "pci 0000:05:00.0: BAR 1 [mem 0x800000000-0xfffffffff 64bit pref]: assigned"});
  EXPECT_THAT(Verdicts("pci 0000:05:00.0: can't claim BAR 1 [mem 0x1000-0x1fff]: no compatible bridge window\n"
                       "pci 0000:05:00.0: BAR 1: assigned [mem 0x2000-0x2fff]\n"),
              IsEmpty());
}

TEST(KernelLogClasses, IommuFaults) {
  ExpectEach(
      "iommu",
      {"DMAR: [DMA Read NO_PASID] Request device [05:00.0] fault addr 0xf000 [fault reason 0x06] PTE Read access is "
       "not "
       "set",
       "DMAR: [DMA Write] Request device [0x05:0x00.0] fault addr 0xdeadbeef000",
       "DMAR: [INTR-REMAP] Request device [05:00.0] fault index 0xa00 [fault reason 0x25] Blocked a compatibility "
       "format interrupt request",
       "DMAR: DRHD: handling fault status reg 2", "DMAR: VT-d detected Invalidation Time-out Error: SID 0",
       "nvidia 0000:05:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0013 address=0x1000 flags=0x0000]",
       "AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=0000:05:00.0 address=0x100]",
       "AMD-Vi: Event logged [IO_PAGE_FAULT device=05:00.0 domain=0x0013 address=0x1000 flags=0x0020]",
       "AMD-Vi: Completion-Wait loop timed out",
       "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:05:00.0 sid: 0x500 ssid: 0x0 iova: 0x0",
       "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:", "arm-smmu-v3 9050000.smmuv3: CMD_SYNC timeout",
       "arm-smmu 9050000.smmu: Unhandled context fault: fsr=0x402, iova=0x1000, fsynr=0x1, cbfrsynra=0x5, cb=0",
       "virtio_iommu virtio3: page fault from EP 1280 at 0x1000 [read]"});
  ExpectEach("note iommu", {"AMD-Vi: Event logged [IO_PAGE_FAULT device=03:00.0 domain=0x0013 address=0x1000 flags=0]",
                            "DMAR: [DMA Read] Request device [03:00.0] fault addr 0x1000"});
  ExpectNone({"DMAR: IOMMU enabled", "DMAR: Intel(R) Virtualization Technology for Directed I/O",
              "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [0x1-0x2]",
              "DMAR-IR: Enabled IRQ remapping in x2apic mode", "AMD-Vi: Interrupt remapping enabled",
              "AMD-Vi: Unable to read/write to IOMMU perf counter.",
              "arm-smmu-v3 arm-smmu-v3.0.auto: allocated 65536 entries for evtq",
              "iommu: Default domain type: Translated"});
}

TEST(KernelLogClasses, CompanionFunctions) {
  const std::vector<std::string> lines{
      "snd_hda_intel 0000:05:00.1: no codecs found!",
      "snd_hda_intel 0000:05:00.1: Cannot probe codecs, giving up",
      "snd_hda_intel 0000:05:00.1: CORB reset timeout#2, CORBRP = 65535",
      "snd_hda_intel 0000:05:00.1: No response from codec, resetting bus: last cmd=0x000f0000",
      "hda-intel 0000:05:00.1: no codecs initialized",
      "xhci_hcd 0000:05:00.2: xHCI host controller not responding, assume dead",
      "xhci_hcd 0000:05:00.2: HC died; cleaning up",
      "xhci_hcd 0000:05:00.2: WARNING: Host System Error",
      "xhci_hcd 0000:05:00.2: init 0000:05:00.2 fail, -110",
      "xhci_hcd 0000:05:00.2: can't setup: -110",
      "nvidia-gpu 0000:05:00.3: i2c timeout error e0000000",
      "i2c-designware-pci 0000:05:00.3: controller timed out",
      "ucsi_ccg 0-0008: i2c_transfer failed -110",
      "snd_hda_intel 0000:05:00.1: probe with driver snd_hda_intel failed with error -12",
      "xhci_hcd: probe of 0000:05:00.2 failed with error -110"};
  ExpectEach("device", lines);
  ExpectEach("note device", lines, Machine(false));
}

TEST(KernelLogClasses, FunctionsThatAreNotPlannedMaySayAnything) {
  ExpectNone({"snd_hda_intel 0000:00:1b.0: no codecs found!",
              "snd_hda_intel 0000:00:1b.0: azx_get_response timeout, switching to polling mode: last cmd=0x0",
              "virtio_net 0000:03:00.0: probe with driver virtio-pci failed with error -22",
              "xhci_hcd 0000:03:00.0: HC died; cleaning up"});
}

// nouveau tries each GPU first where it is not kept from it.
TEST(KernelLogClasses, ADriverThatFailedWhereAnotherIsBoundNow) {
  const PciEvidence pci =
      PciEvidence::Parse(Function("0000:05:00.0", "10de:2684", "030000") + "driver: nvidia\nend: pci\n", "p.txt");
  const LogDevices devices(pci, {&pci.functions.front()});
  const auto found = [&](const std::string& line) { return DeviceLogProblems(Log(line + "\n"), devices); };
  const Findings nouveau = found("nouveau: probe of 0000:05:00.0 failed with error -12");
  ASSERT_EQ(nouveau.size(), 1u);
  EXPECT_TRUE(nouveau[0].note);
  const Findings own = found("nvidia 0000:05:00.0: probe with driver nvidia failed with error -1");
  ASSERT_EQ(own.size(), 1u);
  EXPECT_FALSE(own[0].note);
}

TEST(KernelLogClasses, WhatTheKernelCannotGiveAFunction) {
  ExpectEach("device", {"nvidia 0000:05:00.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots), used 32767",
                        "nvidia 0000:05:00.0: DMA: Out of SW-IOMMU space for 65536 bytes",
                        "xhci_hcd 0000:05:00.2: can't map registers: ioremap failed",
                        "snd_hda_intel 0000:05:00.1: failed to allocate MSI: -28"});
  ExpectEach("note device", {"xhci_hcd 0000:05:00.2: DMA: Out of SW-IOMMU space for 4096 bytes"}, Machine(false));
  ExpectNone({"virtio-pci 0000:03:00.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots), used 32767",
              "pci 0000:05:00.0: ROM [mem size 0x00080000 pref]: failed to assign"});
}

TEST(KernelLogClasses, WarningsOfTheKernelAreNotes) {
  ExpectEach("note kernel", {"WARNING: CPU: 2 PID: 811 at drivers/pci/msi/msi.c:397 __pci_enable_msi_range+0x1a4/0x230",
                             "WARNING: CPU: 0 PID: 1 at drivers/iommu/dma-iommu.c:1 x+0x1/0x2",
                             "WARNING: CPU: 3 PID: 1520 at nvidia/nv.c:4122 nvidia_dev_put+0x1/0x2 [nvidia]",
                             "WARNING: drivers/pci/pci.c:1600 at pci_restore_state+0x22/0x30, CPU#2: modprobe/811",
                             "UBSAN: array-index-out-of-bounds in nvidia-uvm/uvm_pmm_gpu.c:2426:28"});
  ExpectNone({"WARNING: CPU: 0 PID: 0 at arch/x86/kernel/fpu/xstate.c:606 fpu__init_system_xstate+0x85a/0xb19"});
}

TEST(KernelLogClasses, WhatBelongsToNoClassIsANote) {
  ExpectEach("note device",
             {"nvidia 0000:05:00.0: something unheard-of failed (12)", "pci 0000:05:00.1: invalid something",
              "vgaarb: 0000:05:00.0: cannot do what nobody expected"});
  EXPECT_THAT(Verdicts("<3>[   71.3] nvidia 0000:05:00.0: dull words of severity err\n"), ElementsAre("note device"));
  EXPECT_THAT(Verdicts("<4>[   71.3] nvidia 0000:05:00.0: dull words of severity warning\n"), IsEmpty());
  EXPECT_THAT(Verdicts("<11>[   71.3] nvidia 0000:05:00.0: of facility user\n"), ElementsAre("note device"));
  ExpectNone({"nvidia 0000:05:00.0: enabling device (0000 -> 0003)",
              "nvidia 0000:05:00.0: vgaarb: changed VGA decodes: olddecodes=io+mem,decodes=none:owns=none",
              "nvidia 0000:05:00.0: Direct firmware load for nvidia/535.54.03/gsp_ga10x.bin failed with error -2",
              "pci 0000:05:00.0: [Firmware Bug]: disabling VPD access (can't determine size)"});
}

TEST(KernelLogClasses, TheDriverWithoutAXid) {
  ExpectEach(
      "driver",
      {"NVRM: GPU0 krcWatchdog_IMPL: RC watchdog: GPU is probably locked!  Notify Timeout Seconds: 7",
       "NVRM: GPU0 kgspHealthCheck_TU102: GSP RM heartbeat timed out",
       "NVRM: GPU at PCI:0000:05:00: _kgspLogRpcSanityCheckFailure: GPU0 sanity check failed 0xf waiting for RPC "
       "response from GSP. Expected function 76 (GSP_RM_CONTROL)",
       "NVRM: _issueRpcAndWait: rpcRecvPoll timedout for fn 76! timeout",
       "NVRM: GPU0 _threadNodeCheckTimeout: API_GPU_ATTACHED_SANITY_CHECK failed! timed out",
       "NVRM: nvAssertOkFailedNoLog: Assertion failed: Call timed out [NV_ERR_TIMEOUT] (0x00000065) returned from x",
       "NVRM: Attempting to remove device 0000:05:00.0 with non-zero usage count!",
       "NVRM: Failed removal of device 0000:05:00.0!",
       "NVRM: GPU 0000:05:00.0: Failed to enable MSI; falling back to PCIe virtual-wire interrupts.",
       "NVRM: GPU 0000:05:00.0: Failed to allocate MSI-X entries.",
       "NVRM: Going over RM unhandled interrupt threshold for irq 24",
       "NVRM: pci 0000:05:00.0: PCI FLR might have failed",
       "nvidia-modeset: ERROR: GPU:0: Idling display engine timed out: 0x0000c67d:0:0:1222",
       "nvidia-modeset: ERROR: GPU:0: Failed to query display engine channel state: 0x0000c67e:0:0:0x0000000f",
       "nvidia-modeset: ERROR: GPU:0: Error while waiting for GPU progress: 0x0000c67d:0 2:0:4048:4040",
       "[drm:nv_drm_load [nvidia_drm]] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to allocate NvKmsKapiDevice",
       "nvidia 0000:05:00.0: [drm] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Flip event timeout on head 0",
       "[drm:nv_drm_probe_devices [nvidia_drm]] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to register device",
       "nvidia-modeset: Version mismatch: nvidia.ko(535.54.03) nvidia-modeset.ko(535.86.05)",
       "nvidia-uvm: Encountered a global fatal error: NV_ERR_RC_ERROR",
       "nvidia-uvm: ECC error encountered, GPU 0",
       "nvidia-uvm: Detected a channel error, channel x GPU y",
       "nvidia-nvswitch0: Interrupts disabled to avoid a storm",
       "nvidia-nvswitch: unrecoverable error in ISR",
       "NVRM: GPU0 knvlinkTrainLinks: link 3 training failed",
       "NVRM: kgmmuInvalidateTlb_GM107: TLB invalidation failed waiting for prior invalidate (status=0x0000000f)",
       "NVRM: GPU0 _issueRpcAndWait: rpcSendMessage failed with status 0x00000062 for fn 10 sequence 24069!",
       "NVRM: kgspHealthCheck_TU102: ******************* GSP Failure *******************",
       "NVRM: GPU0 GSP RPC buffer: send failed",
       "NVRM: GPU0: GSP task panic",
       "NVRM: GPU0 full chip reset failed",
       "NVRM: _kgspBootGspRm: unexpected WPR2 already up, cannot proceed with booting gsp",
       "NVRM: GPU0 ECC scrub failed: uncorrectable error",
       "NVRM: the card has insufficient power"});
  ExpectEach("note driver", {"NVRM: GPU0 nvAssertFailedNoLog: Assertion failed: pKernelBus != NULL @ kern_bus.c:12",
                             "NVRM: os_pci_init_handle: invalid context!",
                             "NVRM: rpcRmApiControl_GSP: GspRmControl failed: hClient=0xc1d0000f; status=0x00000056",
                             "nvidia-uvm: Failed to init procfs files: NV_ERR_NO_MEMORY, GPU 0",
                             "[drm] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to lookup gem object"});
  ExpectNone({"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.54.03",
              "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build",
              "nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver for UNIX platforms  535.54.03",
              "nvidia-modeset: WARNING: GPU:0: Unable to read EDID for display device HDMI-0",
              "[drm:nv_drm_master_set [nvidia_drm]] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to grab modeset "
              "ownership",
              "[drm] [nvidia-drm] [GPU ID 0x00000500] Loading driver",
              "[drm] Initialized nvidia-drm 0.0.0 20160202 for 0000:05:00.0 on minor 0",
              "nvidia-uvm: Loaded the UVM driver, major device number 234.",
              "nvidia-peermem: module loaded without errors", "failed to validate module [nvidia_uvm] BTF: -22",
              "nvidia_uvm: module uses symbols nvUvmInterfaceDisableAccessCntr from proprietary module nvidia, "
              "inheriting taint.",
              "NVRM: Persistence mode is deprecated and will be removed in a future release. Please use "
              "nvidia-persistenced instead.",
              "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress error",
              "Modules linked in: nvidia_uvm(POE) nvidia_drm(POE) nvidia(POE) virtio_net net_failover failover"});
}

TEST(KernelLogClasses, TheDriverGaveUp) {
  ExpectEach("init", {"NVRM: GPU 0000:05:00.0: RmInitAdapter failed! (0x62:0x40:2393)",
                      "nvidia: probe of 0000:05:00.0 failed with error -1",
                      "nvidia 0000:05:00.0: probe with driver nvidia failed with error -1",
                      "NVRM: GPU 0000:05:00.0: GPU does not have the necessary power cables connected.",
                      "NVRM: osInitNvMapping: *** Cannot attach gpu", "NVRM: No NVIDIA devices probed.",
                      "NVRM: request_mem_region failed for 16M @ 0xfc000000. This can"});
}

// Judged by how it ended.
TEST(KernelLogClasses, ADriverThatFailedAtFirst) {
  const std::string failed =
      "nvidia-nvlink: Nvlink Core is being initialized, major device number 235\n"
      "NVRM: GPU 0000:05:00.0: RmInitAdapter failed! (0x62:0x40:2393)\n";
  const std::string started = "[drm] Initialized nvidia-drm 0.0.0 20160202 for 0000:05:00.0 on minor 0\n";
  const std::string loaded = "nvidia-nvlink: Nvlink Core is being initialized, major device number 235\n";
  EXPECT_THAT(Verdicts(failed), ElementsAre("init"));
  EXPECT_THAT(Verdicts(failed + loaded), ElementsAre("note init"));
  EXPECT_THAT(Verdicts(failed + started), ElementsAre("note init"));
  EXPECT_THAT(Verdicts(started + failed), ElementsAre("init"));
  EXPECT_THAT(Verdicts(failed + "[drm] Initialized nvidia-drm 0.0.0 20160202 for 0000:06:00.0 on minor 0\n"),
              ElementsAre("init"))
      << "another GPU was started";
  EXPECT_THAT(Verdicts(failed + failed), ElementsAre("init", "note init"));
}

TEST(KernelLogClasses, XidsThatWereCorrected) {
  ExpectEach("note xid", {"NVRM: Xid (PCI:0000:05:00): 121, pid=12, C2C Link corrected error",
                          "NVRM: Xid (PCI:0000:05:00): 149, NETIR_LINK_EVT Nonfatal XC0 i0 Link 08 (0x1 0x2)",
                          "NVRM: Xid (PCI:0000:05:00): 92, High rate of correctable errors"});
  ExpectEach("xid", {"NVRM: Xid (PCI:0000:05:00): 48, An uncorrectable double bit error (DBE) has been detected",
                     "NVRM: Xid (PCI:0000:05:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x1 0x2)",
                     "NVRM: Xid (PCI:0000:05:00): 94, Contained: CE User Channel (0x9). RST: No, D-RST: No",
                     "NVRM: Xid (PCI:0000:05:00): 140, Uncorrected ECC errors were not corrected"});
  const KernelLog contained = Log("NVRM: Xid (PCI:0000:05:00): 94, Contained: CE (0x9). RST: No, D-RST: No\n");
  EXPECT_TRUE(XidProblems(contained, GpuUse::kOfOthersToo).at(0).note);
  const KernelLog reset = Log("NVRM: Xid (PCI:0000:05:00): 94, Contained: CE (0x9). RST: Yes, D-RST: No\n");
  EXPECT_FALSE(XidProblems(reset, GpuUse::kOfOthersToo).at(0).note);
}

TEST(KernelLogClasses, TheKernelItself) {
  ExpectEach("kernel",
             {"BUG: Bad page state in process python3  pfn:12345", "BUG: Bad page map in process x  pte:8000000",
              "BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:1",
              "list_add corruption. prev->next should be next (ffff), but was dead000000000100. (prev=ffff).",
              "list_del corruption, ffff8881->next is LIST_POISON1 (dead000000000100)",
              "BUG kmalloc-64 (Tainted: P           OE     ): Right Redzone overwritten",
              "BUG kmalloc-256 (Not tainted): Poison overwritten", "BUG dentry (Not tainted): Object already free",
              "refcount_t: underflow; use-after-free.", "BUG: KASAN: slab-out-of-bounds in nv_x+0x1/0x2",
              "BUG: KFENCE: use-after-free read in x+0x1", "check: Corrupted low memory at ffff888000001000",
              "irq 16: nobody cared (try booting with the \"irqpoll\" option)", "Disabling IRQ #16",
              "Unable to handle kernel paging request at virtual address ffff8000", "Internal error: Oops: 96000004",
              "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI", "rcu: rcu_preempt kthread starved for 5250 jiffies!",
              "INFO: task nvidia-modeset/:812 blocked for more than 120 seconds."});
  ExpectNone({"check: Scanning 1 areas for low memory corruption", "x86/mm: Checked W+X mappings: passed",
              "traps: a.out[123] trap invalid opcode ip:401136 sp:7ffd error:0 in a.out[401000+1000]",
              "WARNING: CPU: 0 PID: 0 at arch/x86/kernel/fpu/xstate.c:606 fpu__init_system_xstate+0x85a/0xb19",
              "genirq: irq_chip IO-APIC did not update eff. affinity mask of irq 9"});
}

TEST(KernelLogClasses, HardwareOfTheNode) {
  ExpectEach("hardware",
             {"mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: bea0000000000108",
              "mce: [Hardware Error]: Machine check events logged",
              "mce: Uncorrected hardware memory error in "
              "user-access at 12345",
              "Memory failure: 0x12345: recovery action for dirty LRU page: Recovered",
              "Memory failure: 0x12345: Sending SIGBUS to python3:12 due to hardware memory corruption",
              "EDAC MC0: 1 UE memory read error on CPU_SrcID#0 (channel:0 slot:0 page:0x0)",
              "{1}[Hardware Error]: event severity: fatal", "{2}[Hardware Error]: event severity: recoverable",
              "NMI: IOCK error (debug interrupt?) for reason 60 on CPU 0."});
  ExpectEach("note hardware", {"EDAC MC0: 1 CE memory read error on CPU_SrcID#0 (channel:0 slot:0 page:0x0)",
                               "{1}[Hardware Error]: event severity: corrected",
                               "mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: 8c00004000010090",
                               "Uhhuh. NMI received for unknown reason 20 on CPU 0."});
  EXPECT_THAT(Verdicts("mce: [Hardware Error]: Machine check events logged\n"
                       "[Hardware Error]: Corrected error, no action required.\n"),
              ElementsAre("note hardware", "note hardware"));
  ExpectNone({"RAS: Correctable Errors collector initialized.", "mce: CPU supports 10 MCE banks", "EDAC MC: Ver: 3.0.0",
              "MCE: In-kernel MCE decoding enabled.", "mce: CPU0: Thermal monitoring enabled (TM1)",
              "EDAC sbridge: Failed to register device with error -19."});
}

TEST(KernelLogClasses, DisksOfTheNode) {
  ExpectEach(
      "disk",
      {"I/O error, dev vda, sector 12345 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2",
       "blk_update_request: I/O error, dev vda, sector 12345 op 0x1:(WRITE)",
       "blk_update_request: critical medium error, dev sda, sector 1",
       "Buffer I/O error on dev vda1, logical block 12, lost async page write",
       "blk_update_request: critical space allocation error, dev vda, sector 1",
       "EXT4-fs error (device vda1): ext4_find_entry:1463: inode #2: comm ls: reading directory lblock 0",
       "EXT4-fs (vda1): Remounting filesystem read-only",
       "EXT4-fs (vda1): Delayed block allocation failed for inode 12 at logical offset 0 with max blocks "
       "1 with error 28",
       "Aborting journal on device vda1-8.", "JBD2: Error -5 detected when updating journal superblock for vda1-8.",
       "XFS (vda1): metadata I/O error in \"xfs_imap_to_bp+0x5c/0xa0\" at daddr 0x1 len 32 error 5",
       "XFS (vda1): Metadata corruption detected at xfs_agf_read_verify+0x1, xfs_agf block 0x1",
       "XFS (vda1): Corruption of in-memory data (0x8) detected at x.  Shutting down filesystem.",
       "BTRFS error (device vda1): bdev /dev/vda1 errs: wr 1, rd 0, flush 0, corrupt 0, gen 0",
       "sd 0:0:0:0: [sda] tag#1 Sense Key : Medium Error [current]",
       "ata1.00: exception Emask 0x0 SAct 0x4 SErr 0x0 action 0x0",
       "nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0xffff",
       "device-mapper: thin: 253:2: switching pool to out-of-data-space (queue IO) mode",
       "systemd-journald[12]: Failed to write entry: No space left on device"});
  ExpectNone({"blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ)", "I/O error, dev sr0, sector 0 op 0x0",
              "EXT4-fs (vda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro",
              "EXT4-fs (vda1): re-mounted. Opts: errors=remount-ro. Quota mode: none.",
              "FAT-fs (vda15): Volume was not properly unmounted. Some data may be corrupt. Please run fsck.",
              "XFS (vda1): Ending clean mount", "nvme nvme0: I/O 12 QID 5 timeout, completion polled",
              "ata2: SATA link down (SStatus 0 SControl 300)", "sd 0:0:0:0: [sda] Assuming drive cache: write through",
              "critical target error, dev sda, sector 1 op 0x3:(DISCARD) flags 0x800"});
}

TEST(KernelLogClasses, MemoryOfTheNode) {
  ExpectEach("memory", {"Out of memory: Killed process 812 (python3) total-vm:1kB, anon-rss:1kB",
                        "Out of memory: Kill process 812 (python3) score 900 or sacrifice child"});
  ExpectEach("note memory",
             {"Memory cgroup out of memory: Killed process 812 (python3) total-vm:1kB",
              "nvidia-smi: page allocation failure: order:9, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)"});
  const KernelLog log = Log("Out of memory: Killed process 812 (python3) total-vm:1kB\n");
  EXPECT_TRUE(OutOfMemoryProblems(log, NodeUse::kOfOthersToo).at(0).note);
}

// The classes go by subsystem and words: further forms of the same classes.
TEST(KernelLogClasses, OtherForms) {
  for (const auto& [line, verdict] : std::vector<std::pair<std::string, std::string>>{
           {"NVRM: A GPU crash dump has been created. If possible, please run nvidia-bug-report.sh as root", "driver"},
           {"NVRM: kfspWaitForResponse: FSP command timed out", "driver"},
           {"nvidia-modeset: ERROR: GPU:0: Failed detecting connected display devices", "driver"},
           {"[drm] *ERROR* [nvidia-drm] [GPU ID 0x00000500] Failed to query NvKmsKapiDevice resources info", "driver"},
           {"NVRM: API_GPU_ATTACHED_SANITY_CHECK failed!", "driver"},
           {"NVRM: prbEncStartAlloc: Can't allocate memory for protocol buffers.", "note driver"},
           {"NVRM: GPU 0000:05:00.0 is already bound to nouveau.", "init"},
           {"NVRM: osHandleGpuLost: handling it", "lost"},
           {"pcieport 0000:00:01.3: Data Link Layer Link Active not set in 1000 msec", "lost"},
           {"nvidia-gpu 0000:05:00.3: Unable to change power state from D3hot to D0, device inaccessible", "lost"},
           {"pci 0000:05:00.0: BAR 1 [mem 0x0-0x1]: not claimed; can't enable device", "bar"},
           {"pci 0000:05:00.0: [Firmware Bug]: reg 0x10: invalid BAR (can't size)", "note device"},
           {"nouveau 0000:05:00.0: bus: MMIO read of 00000000 FAULT at 022554 [ TIMEOUT ]", "note device"},
           {"DMAR:[fault reason 06] PTE Read access is not set", "iommu"},
           {"DMAR: INTR-REMAP: Request device [[05:00.0] fault index 1d", "iommu"},
           {"AMD-Vi: IOMMU Event log restarting", "iommu"},
           {"xhci_hcd 0000:05:00.2: Abort failed to stop command ring: -110", "device"},
           {"snd_hda_intel 0000:05:00.1: Codec #0 probe error; disabling it...", "device"},
           {"irq event 16: bogus return value ffffffea", "kernel"},
           {"genirq: Flags mismatch irq 16. 00000080 (nvidia) vs. 00000000 (i801_smbus)", "kernel"},
           {"__common_interrupt: 1.55 No irq handler for vector", "note kernel"},
           {"BUG: stack guard page was hit at 00000000", "kernel"},
           {"{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4", "hardware"},
           {"XFS (vda1): xfs_do_force_shutdown(0x2) called from line 1196 of file x", "disk"},
           {"EXT4-fs warning (device vda1): ext4_end_bio:344: I/O error 10 writing to inode 12", "disk"},
           {"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom", "memory"}}) {
    EXPECT_THAT(Verdicts("[   71.300000] " + line + "\n"), ElementsAre(verdict)) << line;
  }
  ExpectNone({"nvidia 0000:05:00.0: vgaarb: deactivate vga console", "nvidia 0000:05:00.0: irq 45 for MSI/MSI-X",
              "pci 0000:05:00.0: BAR 1: assigned to efifb", "pci 0000:05:00.0: Adding to iommu group 12",
              "systemd[1]: nvidia-persistenced.service: Failed with result 'exit-code'.",
              "NVRM: GPU at PCI:0000:05:00: GPU-8a3c0000-0000-0000-0000-000000000000",
              "snd_hda_intel 0000:05:00.1: number of I/O streams is 30, forcing separate stream tags"});
}

TEST(KernelLogClasses, ALogWithGaps) {
  EXPECT_THAT(Texts(LogGapProblems(Log("[ 5400.0] x\n"))),
              ElementsAre(HasSubstr("begins at 90 min 0 s after boot: older lines are lost")));
  EXPECT_THAT(Texts(LogGapProblems(Log("[    9.5] x\n"))), ElementsAre(HasSubstr("begins at 9.5 s")));
  EXPECT_THAT(Texts(LogGapProblems(Log("[    0.0] Linux version 6.1\nkernel_log: left out 12 lines, 900 bytes\n"))),
              ElementsAre(HasSubstr("12 lines, 900 bytes that have no word of an error")));
  for (const Finding& gap : LogGapProblems(Log("[ 5400.0] x\n"))) EXPECT_TRUE(gap.note);
  for (const char* whole : {"[    0.000000] Linux version 6.1\n", "[    0.000000] Booting\n[    1.0] x\n",
                            "[    0.004] microcode: x\n[    0.004] Linux version 6.1\n", "no stamps\n"}) {
    EXPECT_THAT(Texts(LogGapProblems(Log(whole))), IsEmpty()) << whole;
  }
}

TEST(KernelLogClasses, HealthyBootsGiveNoFinding) {
  for (const char* boot : kHealthyBoots) {
    for (const bool with_companions : {true, false}) {
      std::string text = boot;
      const std::string first = text.substr(0, text.find('\n'));
      const KernelLog log = Log(text);
      EXPECT_THAT(Verdicts(text, Machine(with_companions)), IsEmpty()) << first;
      EXPECT_THAT(Texts(LogGapProblems(log)), IsEmpty()) << first;
    }
  }
}

}  // namespace
}  // namespace passthrough
