#include "helpers/health/pci_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PciEvidence Pci(const std::string& head, const std::string& details) {
  return PciEvidence::Parse(
      head +
          "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x0\n"
          "subsystem_device: 0x0\nclass: 0x030000\nrevision: 0xa1\nconfig_error: none\n" +
          details + "end: pci\n",
      "p.txt");
}

TEST(PciProblems, UncorrectedErrorsThatAerCounted) {
  const auto problems = [](const std::string& details) {
    const PciEvidence pci = Pci("", details);
    return Texts(AerCounterProblems(pci, pci.functions[0], "GPU"));
  };
  EXPECT_THAT(problems("aer_fatal: 2 CmpltTO=2\n"),
              ElementsAre(HasSubstr("GPU: 2 uncorrected PCIe errors (fatal)")));
  EXPECT_THAT(problems("aer_nonfatal: 1 CmpltTO=1\naer_fatal: 1\n"), testing::SizeIs(2));
  EXPECT_THAT(problems("aer_correctable: 500 RxErr=500\naer_nonfatal: 0\naer_fatal: 0\n"), IsEmpty());
  EXPECT_THAT(problems(""), IsEmpty());
}

TEST(PciProblems, NearNoProcessor) {
  const auto problems = [](const std::string& head, const std::string& node) {
    const PciEvidence pci = Pci(head, "numa_node: " + node + "\n");
    return Texts(NumaProblems(pci, pci.functions[0], "GPU"));
  };
  const std::string two = "numa_nodes_online: 0-1\nnuma_nodes_has_cpu: 0\n";
  EXPECT_THAT(problems(two, "-1"), ElementsAre(HasSubstr("GPU is on no NUMA node, though this node has 2")));
  EXPECT_THAT(problems(two, "1"), ElementsAre(HasSubstr("NUMA node 1, which has no processors")));
  EXPECT_THAT(problems(two, "7"), ElementsAre(HasSubstr("NUMA node 7, which this node does not have")));
  EXPECT_THAT(problems(two, "0"), IsEmpty());
  EXPECT_THAT(problems("numa_nodes_online: 0,2\nnuma_nodes_has_cpu: 0,2\n", "2"), IsEmpty());
  EXPECT_THAT(problems("numa_nodes_online: 0\nnuma_nodes_has_cpu: 0\n", "-1"), IsEmpty());
  EXPECT_THAT(problems("", "-1"), IsEmpty());
}

TEST(PciProblems, BrokenListsOfNumaNodesAreBrokenEvidence) {
  for (const char* bad : {"x", "0-", "-1", "0-99999", "1,,2"}) {
    EXPECT_THROW(Pci(std::string("numa_nodes_online: ") + bad + "\n", ""), EvidenceError) << bad;
  }
}

}  // namespace
}  // namespace passthrough
