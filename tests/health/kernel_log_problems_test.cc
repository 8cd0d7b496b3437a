#include "helpers/health/kernel_log_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/health/xid_table.h"
#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

KernelLog Log(const std::string& text) { return KernelLog::Parse(text, "k.txt"); }

// What kernels of healthy nodes print.
constexpr char kHealthy[] =
    "[    0.000000] Linux version 6.1.0-23-amd64\n"
    "[    0.512345] pci 0000:01:00.0: [10de:2684] type 00 class 0x030000\n"
    "[    0.600000] pci 0000:01:00.0: BAR 1: no space for [mem size 0x10000000 64bit pref]\n"
    "[    0.600001] pci 0000:01:00.0: BAR 1: failed to assign [mem size 0x10000000 64bit pref]\n"
    "[    0.600002] pci 0000:01:00.0: BAR 6: no space for [mem size 0x00080000 pref]\n"
    "[    0.600003] pci 0000:00:01.0: BAR 13: no space for [io  size 0x1000]\n"
    "[    0.610000] pci 0000:01:00.0: BAR 1: assigned [mem 0x800000000-0x80fffffff 64bit pref]\n"
    "[    0.620000] pcieport 0000:00:01.0: AER: enabled with IRQ 24\n"
    "[    0.630000] pci 0000:01:00.0: 2.000 Gb/s available PCIe bandwidth, limited by 2.5 GT/s PCIe x1 link\n"
    "[    4.000000] nvidia: loading out-of-tree module taints kernel.\n"
    "[    4.000001] nvidia: module verification failed: signature and/or required key missing - tainting\n"
    "[    4.100000] nvidia-nvlink: Nvlink Core is being initialized, major device number 240\n"
    "[    4.200000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.54.03\n"
    "[    4.300000] pcieport 0000:00:01.0: AER: Corrected error received: 0000:01:00.0\n"
    "[    4.300001] nvidia 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer\n"
    "[    9.000000] nvme nvme0: I/O 12 QID 5 timeout, completion polled\n"
    "[   10.000000] NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset) to 0x0 "
    "(None)\n";

constexpr char kPci[] =
    "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x0\nsubsystem_device: 0x0\n"
    "class: 0x030000\nrevision: 0xa1\nend: pci\n";

PciEvidence Pci() { return PciEvidence::Parse(kPci, "p.txt"); }

ModulesEvidence Modules(const std::string& loaded) {
  return ModulesEvidence::Parse(
      "kernel_release: 6.1\n" + (loaded.empty() ? "" : "module: " + loaded + " 0 - Live\n") + "end: modules\n",
      "m.txt");
}

// An NVSwitch tells of its errors as SXid; those that are not fatal are handled by it.
TEST(KernelLogProblems, FatalErrorsOfAnNvswitch) {
  const KernelLog log =
      Log("[    1.0] nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up\n"
          "[    2.0] nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV "
          "error\n");
  const HealthProblems problems = XidProblems(log);
  EXPECT_THAT(Texts(problems), ElementsAre(AllOf(HasSubstr("NVSwitch"), HasSubstr("20034"), HasSubstr("k.txt:1"))));
  EXPECT_EQ(problems.at(0).advice, AdviceFor(XidCause::kLink));
}

TEST(KernelLogProblems, AHealthyLogHasNone) {
  const KernelLog log = Log(kHealthy);
  EXPECT_THAT(Texts(XidProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(LostDeviceProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(DriverInitProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(RefusedModuleProblems(log, Modules("nvidia"))), IsEmpty());
  EXPECT_THAT(Texts(RefusedModuleProblems(log, Modules(""))), IsEmpty());
  EXPECT_THAT(Texts(PcieErrorProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(BarSpaceProblems(log, Pci())), IsEmpty());
}

TEST(KernelLogProblems, XidsAreToldOnceWithTheirMeaning) {
  const KernelLog log = Log(
      "[ 1.0] NVRM: Xid (PCI:0000:01:00): 79, pid=12, name=python, GPU has fallen off the bus.\n"
      "[ 2.0] NVRM: Xid (0000:02:00): 48, An uncorrectable double bit error\n"
      "[ 3.0] NVRM: Xid (PCI:0000:01:00): 79, pid=13\n"
      "[ 4.0] NVRM: Xid (PCI:0000:01:00): 999, news\n"
      "[ 5.0] NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node "
      "Reboot Required)\n"
      "[ 6.0] some program: Xid (PCI:0000:01:00): 79, not the driver\n");
  EXPECT_THAT(Texts(XidProblems(log)),
              ElementsAre(AllOf(HasSubstr("GPU 0000:01:00 reported Xid 79, the GPU has fallen off the bus"),
                                HasSubstr("2 times (k.txt:1)")),
                          AllOf(HasSubstr("GPU 0000:02:00 reported Xid 48, double-bit ECC error"),
                                HasSubstr("(k.txt:2)")),
                          HasSubstr("Xid 999, which is not in the suite's table"), HasSubstr("Xid 154")));
}

// Where others' programs ran, their own errors (NVIDIA's k8s-device-plugin takes a GPU with these for healthy) are told
// behind all else, so that they never push it out.
TEST(KernelLogProblems, XidsOfOthersProgramsAreNotes) {
  std::string text;
  for (int gpu = 1; gpu <= 5; ++gpu) {
    for (const int xid : {13, 31, 43, 45, 68}) {
      text += "NVRM: Xid (PCI:0000:0" + std::to_string(gpu) + ":00): " + std::to_string(xid) + ", pid=12\n";
    }
  }
  for (const HealthProblem& problem : XidProblems(Log(text))) EXPECT_FALSE(problem.note);
  for (const HealthProblem& problem : XidProblems(Log(text), GpuUse::kOfOthersToo)) EXPECT_TRUE(problem.note);
  const HealthProblems problems =
      XidProblems(Log(text + "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n"), GpuUse::kOfOthersToo);
  EXPECT_THAT(problems.at(0).found, HasSubstr("Xid 79"));
  EXPECT_FALSE(problems.at(0).note);
  // NVIDIA's documents name the bus, heat and the driver for these, too.
  for (const int xid : {8, 32, 62, 109, 999}) {
    const std::string line = "NVRM: Xid (PCI:0000:01:00): " + std::to_string(xid) + ", x\n";
    EXPECT_FALSE(XidProblems(Log(line), GpuUse::kOfOthersToo).at(0).note) << xid;
  }
}

TEST(KernelLogProblems, EachXidOfTheTableIsFound) {
  for (int number = 0; number < 200; ++number) {
    const XidEntry* entry = FindXid(number);
    if (entry == nullptr) continue;
    EXPECT_EQ(entry->number, number);
    EXPECT_NE(entry->meaning, "");
    EXPECT_NE(AdviceFor(entry->cause), "");
  }
  for (int number : {13, 31, 43, 48, 63, 64, 74, 79, 94, 95, 119, 154, 158}) {
    EXPECT_NE(FindXid(number), nullptr) << number;
  }
  EXPECT_EQ(FindXid(1), nullptr);
}

TEST(KernelLogProblems, LostDevicesWithoutTheWordXid) {
  for (const char* line :
       {"NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.",
        "nvidia 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
        "nvidia 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
        "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up"}) {
    EXPECT_THAT(Texts(LostDeviceProblems(Log(line))), ElementsAre(HasSubstr("k.txt:1"))) << line;
    EXPECT_THAT(Texts(XidProblems(Log(line))), IsEmpty()) << line;
  }
  EXPECT_THAT(Texts(LostDeviceProblems(Log("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus."))),
              IsEmpty());
  EXPECT_THAT(Texts(LostDeviceProblems(Log("eth0: no link, giving up"))), IsEmpty());
}

TEST(KernelLogProblems, TheDriverGaveUp) {
  for (const char* line :
       {"NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x62:0x40:2393)",
        "NVRM: GPU 0000:01:00.0: Cannot initialize GSP firmware RM",
        "NVRM: RmFetchGspRmImages: No firmware image found",
        "NVRM: installed in this system is not supported by the NVIDIA 580.65.06 driver release.",
        "NVRM: The NVIDIA probe routine was not called for 1 device(s).",
        "NVRM: API mismatch: the client has the version 535.54.03, but"}) {
    EXPECT_THAT(Texts(DriverInitProblems(Log(line))), ElementsAre(HasSubstr("k.txt:1"))) << line;
  }
  EXPECT_THAT(Texts(DriverInitProblems(Log("usb 1-1: this is not supported by the hub"))), IsEmpty());
}

// The proprietary modules do without the firmware of the GPU's own processor and go on; the open ones say that they
// cannot.
TEST(KernelLogProblems, FirmwareThatCanBeDoneWithout) {
  EXPECT_THAT(Texts(DriverInitProblems(Log("nvidia 0000:01:00.0: Direct firmware load for "
                                           "nvidia/535.54.03/gsp_ga10x.bin failed with error -2"))),
              IsEmpty());
}

TEST(KernelLogProblems, WhyTheModuleIsNotThere) {
  for (const char* line :
       {"nvidia: version magic '6.1.0-22-amd64 SMP preempt mod_unload ' should be '6.1.0-23-amd64 SMP'",
        "nvidia: disagrees about version of symbol module_layout", "nvidia: Unknown symbol drm_open (err -2)",
        "Loading of unsigned module is rejected",
        "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"}) {
    EXPECT_THAT(Texts(RefusedModuleProblems(Log(line), Modules(""))),
                ElementsAre(HasSubstr("kernel module nvidia is not loaded: the kernel log says")))
        << line;
    EXPECT_THAT(Texts(RefusedModuleProblems(Log(line), Modules("nvidia"))), IsEmpty()) << line;
  }
}

TEST(KernelLogProblems, UncorrectedPcieErrors) {
  const KernelLog log = Log(
      "pcieport 0000:00:01.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n"
      "nvidia 0000:01:00.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer\n"
      "nvidia 0000:01:00.0:    [14] CmpltTO                (First)\n"
      "pcieport 0000:00:01.0: DPC: containment event, status:0x1f01 source:0x0000\n");
  EXPECT_EQ(PcieErrorProblems(log).size(), 4u);
}

TEST(KernelLogProblems, ABarFoundNoSpace) {
  for (const char* line : {"pci 0000:01:00.0: BAR 1: no space for [mem size 0x400000000 64bit pref]",
                           "pci 0000:01:00.0: BAR 1 [mem size 0x400000000 64bit pref]: can't assign; no space",
                           "pci 0000:01:00.0: BAR 1: failed to assign [mem size 0x400000000 64bit pref]"}) {
    EXPECT_THAT(Texts(BarSpaceProblems(Log(line), Pci())),
                ElementsAre(HasSubstr("BAR 1 of 0000:01:00.0 found no space")))
        << line;
  }
  EXPECT_THAT(Texts(BarSpaceProblems(Log("pci 0000:05:00.0: BAR 1: no space for [mem]"), Pci())), IsEmpty());
}

// BAR 5 of a GeForce: no PCI Express device may need it.
TEST(KernelLogProblems, IoPortsWithoutSpaceAreMissedByNobody) {
  for (const char* line : {"pci 0000:01:00.0: BAR 5: no space for [io  size 0x0080]",
                           "pci 0000:01:00.0: BAR 5: failed to assign [io  size 0x0080]",
                           "pci 0000:01:00.0: BAR 5 [io  size 0x0080]: can't assign; no space"}) {
    EXPECT_THAT(Texts(BarSpaceProblems(Log(line), Pci())), IsEmpty()) << line;
  }
}

TEST(KernelLogProblems, AFloodOfLinesIsBounded) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "NVRM: Xid (PCI:0000:01:00): " + std::to_string(i) + ", x\n";
  EXPECT_LE(XidProblems(Log(text)).size(), 20u);
  EXPECT_LT(XidProblems(Log("NVRM: Xid (PCI:0000:01:00): 79, " + std::string(100000, 'x')))[0].found.size(),
            1000u);
}

}  // namespace
}  // namespace passthrough
