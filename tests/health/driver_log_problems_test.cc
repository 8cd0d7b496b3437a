#include "helpers/health/nvidia/driver_log_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/health/kernel_log_problems.h"
#include "helpers/health/nvidia/xid_table.h"
#include "tests/health/health_test_tools.h"
#include "tests/health/healthy_log.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModulesEvidence ModulesOf(const std::string& loaded) {
  return ModulesEvidence::Parse(
      "kernel_release: 6.1\n" + (loaded.empty() ? "" : "module: " + loaded + " 0 - Live\n") + "end: modules\n",
      "m.txt");
}

// An NVSwitch reports its errors as SXid; those that are not fatal are handled by it.
TEST(DriverLogProblems, FatalErrorsOfAnNvswitch) {
  const KernelLog log =
      Log("[    1.0] nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up\n"
          "[    2.0] nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV "
          "error\n");
  const Findings problems = XidProblems(log);
  EXPECT_THAT(Texts(problems), ElementsAre(AllOf(HasSubstr("NVSwitch"), HasSubstr("20034"), HasSubstr("k.txt:1"))));
  EXPECT_EQ(problems.at(0).advice, AdviceFor(XidCause::kLink));
}

TEST(DriverLogProblems, AHealthyLogHasNone) {
  const KernelLog log = Log(kHealthy);
  EXPECT_THAT(Texts(XidProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(LostGpuProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(DriverInitProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(RefusedModuleProblems(log, ModulesOf("nvidia"))), IsEmpty());
  EXPECT_THAT(Texts(RefusedModuleProblems(log, ModulesOf(""))), IsEmpty());
}

TEST(DriverLogProblems, XidsAreReportedOnceWithTheirMeaning) {
  const KernelLog log =
      Log("[ 1.0] NVRM: Xid (PCI:0000:01:00): 79, pid=12, name=python, GPU has fallen off the bus.\n"
          "[ 2.0] NVRM: Xid (0000:02:00): 48, An uncorrectable double bit error\n"
          "[ 3.0] NVRM: Xid (PCI:0000:01:00): 79, pid=13\n"
          "[ 4.0] NVRM: Xid (PCI:0000:01:00): 999, news\n"
          "[ 5.0] NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node "
          "Reboot Required)\n"
          "[ 6.0] some program: Xid (PCI:0000:01:00): 79, not the driver\n");
  EXPECT_THAT(
      Texts(XidProblems(log)),
      ElementsAre(AllOf(HasSubstr("GPU 0000:01:00 reported Xid 79, the GPU has fallen off the bus"),
                        HasSubstr("2 times (k.txt:1)")),
                  AllOf(HasSubstr("GPU 0000:02:00 reported Xid 48, double-bit ECC error"), HasSubstr("(k.txt:2)")),
                  HasSubstr("Xid 999, which is not in the suite's table"), HasSubstr("Xid 154")));
}

// Where others' programs ran, their own errors (NVIDIA's k8s-device-plugin takes a GPU with these for healthy) are
// reported behind all else, so that they never push it out.
TEST(DriverLogProblems, XidsOfOthersProgramsAreNotes) {
  std::string text;
  for (int gpu = 1; gpu <= 5; ++gpu) {
    for (const int xid : {13, 31, 43, 45, 68}) {
      text += "NVRM: Xid (PCI:0000:0" + std::to_string(gpu) + ":00): " + std::to_string(xid) + ", pid=12\n";
    }
  }
  for (const Finding& problem : XidProblems(Log(text))) EXPECT_FALSE(problem.note);
  for (const Finding& problem : XidProblems(Log(text), GpuUse::kOfOthersToo)) EXPECT_TRUE(problem.note);
  const Findings problems =
      XidProblems(Log(text + "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n"), GpuUse::kOfOthersToo);
  EXPECT_THAT(problems.at(0).found, HasSubstr("Xid 79"));
  EXPECT_FALSE(problems.at(0).note);
  // NVIDIA's documents name the bus, heat and the driver for these, too.
  for (const int xid : {8, 32, 62, 109, 999}) {
    const std::string line = "NVRM: Xid (PCI:0000:01:00): " + std::to_string(xid) + ", x\n";
    EXPECT_FALSE(XidProblems(Log(line), GpuUse::kOfOthersToo).at(0).note) << xid;
  }
}

TEST(DriverLogProblems, EachXidOfTheTableIsFound) {
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

// A lost device as the checks of the driver and those of the kernel report it together.
std::vector<std::string> Lost(const std::string& line) {
  const KernelLog log = Log(line);
  Findings findings = LostGpuProblems(log);
  for (const Finding& finding : LostDeviceProblems(log, IsOfNvidiaDriver)) findings.push_back(finding);
  return Texts(findings);
}

TEST(DriverLogProblems, LostDevicesWithoutTheWordXid) {
  for (const char* line :
       {"NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.",
        "nvidia 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
        "nvidia 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
        "NVRM: GPU 0000:01:00.0: GPU is lost, device inaccessible",
        "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up"}) {
    EXPECT_THAT(Lost(line), ElementsAre(HasSubstr("k.txt:1"))) << line;
    EXPECT_THAT(Texts(XidProblems(Log(line))), IsEmpty()) << line;
  }
  EXPECT_THAT(Lost("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus."), IsEmpty());
  EXPECT_THAT(Lost("eth0: no link, giving up"), IsEmpty());
}

TEST(DriverLogProblems, TheDriverGaveUp) {
  for (const char* line : {"NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x62:0x40:2393)",
                           "NVRM: GPU 0000:01:00.0: Cannot initialize GSP firmware RM",
                           "NVRM: RmFetchGspRmImages: No firmware image found",
                           "NVRM: installed in this system is not supported by the NVIDIA 580.65.06 driver release.",
                           "NVRM: The NVIDIA probe routine was not called for 1 device(s).",
                           "NVRM: API mismatch: the client has the version 535.54.03, but"}) {
    EXPECT_THAT(Texts(DriverInitProblems(Log(line))), ElementsAre(HasSubstr("k.txt:1"))) << line;
  }
  EXPECT_THAT(Texts(DriverInitProblems(Log("usb 1-1: this is not supported by the hub"))), IsEmpty());
}

// A container's library is none of the node's: nvidia-smi, which has the node's, fails with another.
TEST(DriverLogProblems, ALibraryOfAnotherReleaseWhereOthersUseTheGpus) {
  const KernelLog log = Log("NVRM: API mismatch: the client has the version 560.35.03, but");
  ASSERT_EQ(DriverInitProblems(log, GpuUse::kOfOthersToo).size(), 1u);
  EXPECT_TRUE(DriverInitProblems(log, GpuUse::kOfOthersToo)[0].note);
  EXPECT_FALSE(DriverInitProblems(log)[0].note);
  EXPECT_FALSE(DriverInitProblems(Log("NVRM: RmInitAdapter failed!"), GpuUse::kOfOthersToo)[0].note);
}

// The proprietary modules do without the firmware of the GPU's own processor and go on; the open ones say that they
// cannot.
TEST(DriverLogProblems, FirmwareThatCanBeDoneWithout) {
  EXPECT_THAT(Texts(DriverInitProblems(Log("nvidia 0000:01:00.0: Direct firmware load for "
                                           "nvidia/535.54.03/gsp_ga10x.bin failed with error -2"))),
              IsEmpty());
}

TEST(DriverLogProblems, WhyTheModuleIsNotThere) {
  for (const char* line :
       {"nvidia: version magic '6.1.0-22-amd64 SMP preempt mod_unload ' should be '6.1.0-23-amd64 SMP'",
        "nvidia: disagrees about version of symbol module_layout", "nvidia: Unknown symbol drm_open (err -2)",
        "Loading of unsigned module is rejected",
        "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"}) {
    EXPECT_THAT(Texts(RefusedModuleProblems(Log(line), ModulesOf(""))),
                ElementsAre(HasSubstr("kernel module nvidia is not loaded: the kernel log says")))
        << line;
    EXPECT_THAT(Texts(RefusedModuleProblems(Log(line), ModulesOf("nvidia"))), IsEmpty()) << line;
  }
}

TEST(DriverLogProblems, AFloodOfLinesIsBounded) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "NVRM: Xid (PCI:0000:01:00): " + std::to_string(i) + ", x\n";
  EXPECT_LE(XidProblems(Log(text)).size(), 20u);
  EXPECT_LT(XidProblems(Log("NVRM: Xid (PCI:0000:01:00): 79, " + std::string(100000, 'x')))[0].found.size(), 1000u);
}

}  // namespace
}  // namespace passthrough
