#include "helpers/health/nvidia/nvidia_smi_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/health/nvidia/driver_binding.h"
#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

NvidiaSmiTable TableWith(size_t gpus) {
  NvidiaSmiTable table;
  table.path = "t.txt";
  table.has_table = true;
  table.gpus.resize(gpus);
  return table;
}

TEST(NvidiaSmiProblems, ExitStatus) {
  EXPECT_THAT(ExitStatusProblems("nvidia-smi", {.exit_status = 0, .last_line = "x", .where = "n.txt"}), IsEmpty());
  EXPECT_THAT(Texts(ExitStatusProblems("nvidia-smi -q -x", {.exit_status = 14, .last_line = "bad", .where = "n.txt"})),
              ElementsAre(testing::AllOf(HasSubstr("nvidia-smi -q -x ended with exit status 14"),
                                         HasSubstr("; it said: bad (n.txt)"))));
}

TEST(NvidiaSmiProblems, OtherIdsThanThePciBusHas) {
  const PciEvidence pci = PciEvidence::Parse(
      "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x27b0\nsubsystem_vendor: 0x0\nsubsystem_device: 0x0\n"
      "class: 0x030000\nrevision: 0xa1\nend: pci\n",
      "p.txt");
  const auto problems = [&](const std::string& id) {
    return Texts(DeviceIdProblems(XmlWith("<pci><pci_device_id>" + id + "</pci_device_id></pci>"), pci));
  };
  for (const char* same : {"27B010DE", "27b010de", "N/A"}) EXPECT_THAT(problems(same), IsEmpty()) << same;
  EXPECT_THAT(problems("268410DE"),
              ElementsAre(HasSubstr("GPU 0000:01:00.0 is 10de:2684 for nvidia-smi -q -x, 10de:27b0 on the PCI bus")));
}

TEST(NvidiaSmiProblems, OtherGpusThanPlanned) {
  EXPECT_THAT(GpuCountProblems(TableWith(1), 1), IsEmpty());
  EXPECT_THAT(Texts(GpuCountProblems(TableWith(1), 2)),
              ElementsAre(HasSubstr("nvidia-smi's table has 1 GPU, expected 2")));
  EXPECT_THAT(GpuCountProblems(XmlWith(""), 1), IsEmpty());
  NvidiaSmiXml xml = XmlWith("");
  EXPECT_THAT(GpuCountProblems(xml, 0), SizeIs(1));
  xml.attached_gpus = 2;
  EXPECT_THAT(Texts(GpuCountProblems(xml, 1)),
              ElementsAre(HasSubstr("lists 1 GPU and says that 2 are attached, expected 1")));
}

TEST(NvidiaSmiProblems, ErrorTexts) {
  EXPECT_THAT(ErrorTextProblems(TableWith(1)), IsEmpty());
  NvidiaSmiTable table = TableWith(1);
  table.problems.push_back({.phrase = "ERR!", .meaning = "it is broken", .text = "", .column = "Fan", .line = 3});
  EXPECT_THAT(Texts(ErrorTextProblems(table)),
              ElementsAre("nvidia-smi printed \"ERR!\" in column Fan: it is broken (t.txt:3)"));
  EXPECT_THAT(Texts(ErrorTextProblems(NvidiaSmiTable{})), ElementsAre(HasSubstr("nvidia-smi printed no table")));
  EXPECT_THAT(ErrorTextProblems(XmlWith("<serial>1</serial>")), IsEmpty());
  EXPECT_THAT(Texts(ErrorTextProblems(XmlWith("<serial>Unknown Error</serial>"))),
              ElementsAre(HasSubstr("serial of GPU 0000:01:00.0 is \"Unknown Error\"")));
}

TEST(DriverBinding, IsNvidias) {
  PciEvidence pci;
  PciFunction function;
  const auto advice = [&](const std::string& driver) {
    function.driver = driver;
    const Findings findings = DriverBindingProblems(pci, function, "GPU");
    return findings.empty() ? "" : findings[0].found + ". " + findings[0].advice;
  };
  EXPECT_EQ(advice("nvidia"), "");
  EXPECT_THAT(advice(""), HasSubstr("GPU is bound to no driver, expected nvidia. modprobe nvidia"));
  EXPECT_THAT(advice("nouveau"), HasSubstr("is bound to nouveau, expected nvidia. Blacklist nouveau"));
  EXPECT_THAT(advice("vfio-pci"), HasSubstr("is bound to vfio-pci, expected nvidia. Unbind it"));
}

// A dead GPU is no reason for it.
TEST(NvidiaSmiProblems, AProgramThatIsNotThereHasNoOtherCause) {
  for (const auto& [status, explains] : {std::pair{127, Explains::kItself},
                                         {18, Explains::kItself},
                                         {12, Explains::kItself},
                                         {15, Explains::kNothing},
                                         {9, Explains::kNothing}}) {
    const Findings found =
        ExitStatusProblems("nvidia-smi", {.exit_status = status, .last_line = "x", .where = "n.txt"});
    EXPECT_EQ(found.at(0).explains, explains) << status;
  }
}

}  // namespace
}  // namespace passthrough
