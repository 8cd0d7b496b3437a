#include "helpers/health/kernel_log_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"
#include "tests/health/healthy_log.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kPci[] =
    "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x0\nsubsystem_device: 0x0\n"
    "class: 0x030000\nrevision: 0xa1\nend: pci\n";

// The findings for BARs of all functions of kPci.
std::vector<std::string> BarSpace(const KernelLog& log) {
  const PciEvidence pci = PciEvidence::Parse(kPci, "p.txt");
  return Texts(BarSpaceProblems(log, {pci.Find(*PciAddress::Parse("0000:01:00.0"))}));
}

TEST(KernelLogProblems, AHealthyLogHasNone) {
  const KernelLog log = Log(kHealthy);
  EXPECT_THAT(Texts(LostDeviceProblems(log)), IsEmpty());
  EXPECT_THAT(Texts(PcieErrorProblems(log)), IsEmpty());
  EXPECT_THAT(BarSpace(log), IsEmpty());
}

TEST(KernelLogProblems, DevicesThatStoppedAnswering) {
  for (const char* line :
       {"amdgpu 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
        "pci 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
        "pci 0000:01:00.0: Refused to change power state from D3hot to D0",
        "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up"}) {
    EXPECT_THAT(Texts(LostDeviceProblems(Log(line))), ElementsAre(HasSubstr("k.txt:1"))) << line;
    EXPECT_THAT(Texts(LostDeviceProblems(Log(line), [](std::string_view) { return true; })), IsEmpty()) << line;
  }
  EXPECT_THAT(Texts(LostDeviceProblems(Log("eth0: no link, giving up"))), IsEmpty());
}

TEST(KernelLogProblems, UncorrectedPcieErrors) {
  const KernelLog log =
      Log("pcieport 0000:00:01.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n"
          "nvidia 0000:01:00.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer\n"
          "nvidia 0000:01:00.0:    [14] CmpltTO                (First)\n"
          "pcieport 0000:00:01.0: DPC: containment event, status:0x1f01 source:0x0000\n");
  EXPECT_EQ(PcieErrorProblems(log).size(), 4u);
}

TEST(KernelLogProblems, ABarFoundNoSpace) {
  for (const char* line : {"pci 0000:01:00.0: BAR 1: no space for [mem size 0x400000000 64bit pref]",
                           "pci 0000:01:00.0: BAR 1 [mem size 0x400000000 64bit pref]: can't assign; no space",
                           "pci 0000:01:00.0: BAR 1: failed to assign [mem size 0x400000000 64bit pref]"}) {
    EXPECT_THAT(BarSpace(Log(line)), ElementsAre(HasSubstr("BAR 1 of 0000:01:00.0 found no space"))) << line;
  }
  EXPECT_THAT(BarSpace(Log("pci 0000:05:00.0: BAR 1: no space for [mem]")), IsEmpty());
}

// BAR 5 of a GeForce: no PCI Express device may need it.
TEST(KernelLogProblems, IoPortsWithoutSpaceAreMissedByNobody) {
  for (const char* line : {"pci 0000:01:00.0: BAR 5: no space for [io  size 0x0080]",
                           "pci 0000:01:00.0: BAR 5: failed to assign [io  size 0x0080]",
                           "pci 0000:01:00.0: BAR 5 [io  size 0x0080]: can't assign; no space"}) {
    EXPECT_THAT(BarSpace(Log(line)), IsEmpty()) << line;
  }
}

}  // namespace
}  // namespace passthrough
