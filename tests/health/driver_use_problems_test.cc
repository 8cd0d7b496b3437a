#include "helpers/health/driver_use_problems.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kBar[] = "resource: 0 0xfd000000 0xfdffffff 0x40200\n";

// A function with that class, whose command register reads `command`.
PciEvidence Pci(const std::string& details, int command = 0x0407, const std::string& class_code = "030000",
                const std::string& head = "") {
  std::string config = fmt::format("config: de 10 84 26 {:02x} {:02x}", command & 0xff, command >> 8);
  for (int i = 6; i < 64; ++i) config += " 00";
  return PciEvidence::Parse(head + "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x0\n" +
                                "subsystem_device: 0x0\nclass: 0x" + class_code + "\nrevision: 0xa1\n" + details +
                                config + "\nend: pci\n",
                            "p.txt");
}

std::vector<std::string> Enable(const std::string& details, int command = 0x0407,
                                const std::string& class_code = "030000") {
  const PciEvidence pci = Pci(details, command, class_code);
  const Findings findings = EnableProblems(pci, pci.functions[0], "GPU");
  for (const Finding& finding : findings) EXPECT_FALSE(finding.note) << finding.found;
  return Texts(findings);
}

TEST(EnableProblemsTest, AFunctionThatItsDriverCannotUse) {
  const std::string nvidia = std::string("driver: nvidia\n") + kBar;
  EXPECT_THAT(Enable(nvidia + "enable: 1\n"), IsEmpty());
  EXPECT_THAT(Enable(nvidia + "enable: 0\n"),
              ElementsAre(HasSubstr("the kernel has it disabled (enable is 0), though nvidia")));
  EXPECT_THAT(Enable(nvidia, 0x0405),
              ElementsAre(HasSubstr("it does not decode memory addresses (command register 0405)")));
  EXPECT_THAT(Enable(nvidia, 0x0403), ElementsAre(HasSubstr("bus mastering is off (command register 0403)")));
  EXPECT_THAT(Enable(nvidia + "enable: 0\n", 0), testing::SizeIs(3));
  for (const char* state : {"D0", "D3cold"}) {
    EXPECT_THAT(Enable(nvidia + "power_state: " + state + "\nruntime_status: error\n"),
                ElementsAre(HasSubstr("the kernel failed to wake it, or to put it to sleep")));
  }
  EXPECT_THAT(Enable("driver: nvidia\n", 0x0404), IsEmpty()) << "it has no BAR of memory";
}

TEST(EnableProblemsTest, WhoeverNeedsNoneOfIt) {
  EXPECT_THAT(Enable(std::string("enable: 0\n") + kBar, 0), IsEmpty()) << "no driver is bound";
  for (const char* driver : {"vfio-pci", "nvgrace-gpu-vfio-pci", "pci-stub"}) {
    EXPECT_THAT(Enable(fmt::format("driver: {}\nenable: 0\n{}", driver, kBar), 0), IsEmpty()) << driver;
  }
  const std::string amdgpu = std::string("driver: amdgpu\nenable: 0\n") + kBar;
  EXPECT_THAT(Enable(amdgpu + "power_state: D3hot\n", 0), IsEmpty()) << "it sleeps";
  EXPECT_THAT(Enable(amdgpu + "power_state: D0\nruntime_status: suspending\n", 0), IsEmpty());
  EXPECT_THAT(Enable(amdgpu + "power_state: D0\nruntime_status: active\n", 0), testing::SizeIs(3));
  EXPECT_THAT(Enable(std::string("driver: serial\n") + kBar, 0x0003, "070002"), IsEmpty()) << "a serial port";
  EXPECT_THAT(Enable(std::string("driver: xhci_hcd\n") + kBar, 0x0003, "0c0330"), testing::SizeIs(1));
  EXPECT_THAT(Enable(std::string("driver: nvidia\n") + kBar, 0xffff), IsEmpty()) << "it does not answer";
}

TEST(DriverOverrideTest, KeepsTheFunctionForSomebodyElse) {
  const auto problems = [](const std::string& details, const std::string& head = "") {
    const PciEvidence pci = Pci(details, 0x0407, "030000", head);
    return DriverOverrideProblems(pci, pci.functions[0], "GPU");
  };
  EXPECT_THAT(problems("driver: nvidia\ndriver_override: (null)\n"), IsEmpty());
  EXPECT_THAT(problems("driver: nvidia\ndriver_override: nvidia\n"), IsEmpty());
  const Findings later = problems("driver: nvidia\ndriver_override: vfio-pci\n");
  EXPECT_THAT(Texts(later), ElementsAre(HasSubstr("bound to nvidia, and driver_override keeps it for vfio-pci")));
  EXPECT_TRUE(later.at(0).note) << "it works";
  const Findings now = problems("driver_override: vfio-pci\n", "pci_drivers: nvidia vfio-pci\n");
  EXPECT_THAT(Texts(now), ElementsAre(HasSubstr("has no driver, and may have none but vfio-pci")));
  EXPECT_FALSE(now.at(0).note);
  EXPECT_THAT(problems("driver_override: none\n"), testing::SizeIs(1));
  EXPECT_THAT(problems("driver_override: nvidia\n", "pci_drivers: nvidia\n"), IsEmpty())
      << "its driver did not take it";
}

TEST(CompanionDriverTest, AFunctionThatNothingUses) {
  const auto problems = [](const std::string& details) {
    const PciEvidence pci = Pci(details, 0x0407, "020000");
    return UnusedFunctionProblems(pci, pci.functions[0], "it");
  };
  EXPECT_THAT(problems("driver: mlx5_core\n"), IsEmpty());
  for (const auto& [details, found] : {std::pair("", "it has no driver, so that nothing in the node uses it"),
                                       std::pair("driver: vfio-pci\n", "it has no driver but vfio-pci")}) {
    const Findings findings = problems(details);
    ASSERT_THAT(Texts(findings), ElementsAre(HasSubstr(found)));
    EXPECT_TRUE(findings[0].note);
  }
  const PciEvidence nvswitch = Pci("", 0x0407, "068000", "pci_drivers: nvidia-nvswitch\n");
  EXPECT_THAT(CompanionDriverProblems(nvswitch, nvswitch.functions[0], "it"), testing::SizeIs(1));
}

TEST(CompanionDriverTest, AFunctionThatLostItsDriver) {
  const auto problems = [](const std::string& class_code, const std::string& details, const std::string& drivers) {
    const PciEvidence pci = Pci(details, 0x0407, class_code, "pci_drivers: " + drivers + "\n");
    return CompanionDriverProblems(pci, pci.functions[0], "it");
  };
  EXPECT_THAT(Texts(problems("040300", "", "snd_hda_intel")),
              ElementsAre(HasSubstr("it has no driver, though the kernel has its driver snd_hda_intel")));
  EXPECT_THAT(problems("0c0330", "", "xhci_hcd"), testing::SizeIs(1));
  EXPECT_THAT(problems("0c8000", "", "nvidia-gpu"), testing::SizeIs(1));
  EXPECT_THAT(problems("040300", "driver: snd_hda_intel\n", "snd_hda_intel"), IsEmpty());
  EXPECT_THAT(problems("040300", "", "nvidia pcieport"), IsEmpty()) << "a kernel without sound";
  EXPECT_THAT(problems("0c0330", "", "snd_hda_intel"), IsEmpty());
  EXPECT_THAT(problems("0c0300", "", "xhci_hcd"), IsEmpty()) << "no USB 3";
  EXPECT_THAT(problems("030000", "", "nvidia"), IsEmpty()) << "is checked where the maker is known";
  EXPECT_THAT(problems("040300", "driver_override: vfio-pci\n", "snd_hda_intel"), IsEmpty()) << "the override says it";
  const Findings held = problems("040300", "driver: vfio-pci\n", "snd_hda_intel vfio-pci");
  EXPECT_THAT(Texts(held), ElementsAre(HasSubstr("is held by vfio-pci")));
  EXPECT_TRUE(held.at(0).note);
}

}  // namespace
}  // namespace passthrough
