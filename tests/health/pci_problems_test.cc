#include "helpers/health/pci_problems.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PciEvidence Pci(const std::string& head, const std::string& details) {
  return PciEvidence::Parse(head +
                                "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x0\n"
                                "subsystem_device: 0x0\nclass: 0x030000\nrevision: 0xa1\nconfig_error: none\n" +
                                details + "end: pci\n",
                            "p.txt");
}

constexpr char kBar[] = "resource: 0 0xfd000000 0xfdffffff 0x40200\n";

// The config space of that function, with BAR 0 at 0xfd000000, and `bytes` in place of what stands at `offset`.
std::string Alive(size_t offset = 0, const std::vector<int>& bytes = {}) {
  std::vector<int> config(64, 0);
  const auto put = [&](size_t at, const std::vector<int>& what) {
    for (const int byte : what) config.at(at++) = byte;
  };
  put(0, {0xde, 0x10, 0x84, 0x26, 0x07, 0x04, 0x10, 0x00, 0xa1, 0x00, 0x00, 0x03, 0x00, 0x00, 0x80, 0x00});
  put(0x10, {0x00, 0x00, 0x00, 0xfd});
  put(0x3c, {0xff, 0x01});
  put(offset, bytes);
  std::string text = "config:";
  for (const int byte : config) text += fmt::format(" {:02x}", byte);
  return text + "\n";
}

std::string Ones() { return Alive(0, std::vector<int>(64, 0xff)); }

TEST(PciProblems, AFunctionThatDoesNotAnswer) {
  const auto problems = [](const std::string& details) {
    const PciEvidence pci = Pci("", details);
    return Texts(ConfigProblems(pci, pci.functions[0], "GPU"));
  };
  EXPECT_THAT(problems(Ones()), ElementsAre(HasSubstr("GPU does not answer: its config space reads all ones")));
  EXPECT_THAT(problems(""), ElementsAre(HasSubstr("GPU: its config space could not be read")));
  EXPECT_THAT(problems(Alive()), IsEmpty());
}

class ConfigSpaceTest : public testing::Test {
 protected:
  // What is wrong, and whether all of it are notes.
  std::vector<std::string> Problems(const std::string& details) {
    const PciEvidence pci = Pci("", details);
    const Findings findings = ConfigProblems(pci, pci.functions[0], "GPU");
    notes_ =
        !findings.empty() && std::all_of(findings.begin(), findings.end(), [](const Finding& one) { return one.note; });
    for (const Finding& finding : findings) EXPECT_THAT(finding.where, HasSubstr("p.txt:")) << finding.found;
    return Texts(findings);
  }
  bool notes_ = false;
};

TEST_F(ConfigSpaceTest, ThatReadsOnesInPart) {
  EXPECT_THAT(Problems(Alive(0x10, std::vector<int>(16, 0xff))),
              ElementsAre(HasSubstr("it answers in part: its config space reads ones at 0x10, 0x14, 0x18, 0x1c")));
  EXPECT_THAT(Problems(Alive(0x04, {0xff, 0xff})), ElementsAre(HasSubstr("reads ones at 0x04")));
  EXPECT_THAT(Problems(Alive(0x00, {0xff, 0xff})), ElementsAre(HasSubstr("reads ones at 0x00")));
  for (size_t offset = 0; offset < 64; offset += 4) {
    const auto problems = Problems(Alive(offset, {0xff, 0xff, 0xff, 0xff}));
    EXPECT_EQ(problems.empty(), offset == 0x28) << offset << ": any value may be the pointer to a CardBus CIS";
    EXPECT_FALSE(notes_) << offset;
  }
}

TEST_F(ConfigSpaceTest, ThatReadsZerosAfterAReset) {
  EXPECT_THAT(Problems(Alive(0, std::vector<int>(64, 0))), ElementsAre(HasSubstr("its config space reads all zeros")));
  EXPECT_THAT(Problems(kBar + Alive(0x10, {0, 0, 0, 0})),
              ElementsAre(HasSubstr("BAR 0 reads 0, the kernel gave it 0xfd000000")));
  EXPECT_FALSE(notes_);
  EXPECT_THAT(Problems(Alive(0, {0, 0, 0, 0})), ElementsAre(HasSubstr("reads 0000:0000, the kernel found 10de:2684")));
  EXPECT_THAT(Problems(kBar + Alive()), IsEmpty());
  EXPECT_THAT(Problems(Alive(0x10, {0, 0, 0, 0})), IsEmpty()) << "nothing was assigned";
  EXPECT_THAT(Problems("power_state: D3cold\n" + (kBar + Alive(0x10, {0, 0, 0, 0}))), IsEmpty()) << "it sleeps";
  const std::string fixed = "resource: 0 0xfd000000 0xfdffffff 0x40220\n";
  EXPECT_THAT(Problems(fixed + Alive(0x10, {0, 0, 0, 0})), IsEmpty()) << "enhanced allocation";
}

TEST_F(ConfigSpaceTest, OfABarOf64Bits) {
  const std::string bar = "resource: 1 0x4000000000 0x4fffffffff 0x14220c\n";
  EXPECT_THAT(Problems(bar + Alive(0x14, {0x0c, 0, 0, 0, 0x40, 0, 0, 0})), IsEmpty());
  EXPECT_THAT(Problems(bar + Alive(0x14, {0x0c, 0, 0, 0, 0, 0, 0, 0})), ElementsAre(HasSubstr("BAR 1 reads 0")));
  EXPECT_THAT(Problems(bar + Alive(0x14, {0x0c, 0, 0, 0, 0x41, 0, 0, 0})),
              ElementsAre(HasSubstr("BAR 1 reads 0x4100000000, the kernel has 0x4000000000 for it")));
  EXPECT_TRUE(notes_) << "a host bridge may have an offset";
}

TEST_F(ConfigSpaceTest, OfAnotherDevice) {
  EXPECT_THAT(Problems(Alive(0x02, {0x04, 0x27})),
              ElementsAre(HasSubstr("reads 10de:2704, the kernel found 10de:2684")));
  EXPECT_THAT(Problems(Alive(0x00, {0x02, 0x10})), ElementsAre(HasSubstr("reads 1002:2684")));
  EXPECT_THAT(Problems(Alive(0x08, {0xff})), ElementsAre(HasSubstr("reads revision ff, the kernel found a1")));
  EXPECT_FALSE(notes_);
  EXPECT_THAT(Problems(Alive(0x0e, {0x81})), ElementsAre(HasSubstr("a header of type 1, expected 0")));
  EXPECT_FALSE(notes_);
  EXPECT_THAT(Problems(Alive(0x0a, {0x02})), ElementsAre(HasSubstr("reads class 030200, the kernel found 030000")));
  EXPECT_TRUE(notes_) << "quirks of the kernel change classes";
  EXPECT_THAT(Problems(Alive(0x2c, {0x01, 0x02})), ElementsAre(HasSubstr("reads subsystem 0201:0000")));
  EXPECT_TRUE(notes_);
}

TEST(PciProblems, BarsWithoutAnAddress) {
  const auto problems = [](const std::string& details) {
    const PciEvidence pci = Pci("", details);
    return Texts(BarProblems(pci, pci.functions[0], "GPU"));
  };
  const std::string bar = "resource: 0 0xfd000000 0xfdffffff 0x40200\n";
  const std::string unset = "resource: 1 0x0 0xffffff 0x20040200\n";
  const std::string io = "resource: 5 0x0 0x7f 0x20040101\n";
  EXPECT_THAT(problems(Alive() + bar), IsEmpty());
  EXPECT_THAT(problems(Alive() + bar + io), IsEmpty()) << "can be done without";
  EXPECT_THAT(problems(Alive() + bar + unset), ElementsAre(HasSubstr("GPU: BAR 1 has no address assigned")));
  EXPECT_THAT(problems(Alive(0x10, {0, 0, 0, 0})), ElementsAre(HasSubstr("GPU has no BAR at all")));
  EXPECT_THAT(problems(Ones() + bar), ElementsAre(HasSubstr("so its BARs are not usable")));
  EXPECT_THAT(
      problems(Alive() + "resource: 1 0xfe000000 0xfeffffff 0x40200\n"),
      ElementsAre(HasSubstr("the device has a BAR 0 (its register reads fd000000), the node's kernel has none")));
  EXPECT_THAT(problems(Alive(0x10, {0, 0, 0, 0}) + "resource: 1 0xfe000000 0xfeffffff 0x40200\n"),
              ElementsAre(HasSubstr("GPU has no BAR 0, which every GPU has")));
  const std::string prefetchable = Alive(0x14, {0x0c, 0, 0, 0, 0x01, 0, 0, 0});
  EXPECT_THAT(problems(prefetchable + bar), ElementsAre(HasSubstr("BAR 1 (its register reads 0000000c)")))
      << "and not BAR 2, its upper half";
  EXPECT_THAT(problems(prefetchable + bar + "resource: 1 0x100000000 0x1ffffffff 0x14220c\n"), IsEmpty());
}

TEST(PciProblems, UncorrectedErrorsThatAerCounted) {
  const auto problems = [](const std::string& details) {
    const PciEvidence pci = Pci("", details);
    return Texts(AerCounterProblems(pci, pci.functions[0], "GPU"));
  };
  EXPECT_THAT(problems("aer_fatal: 2 CmpltTO=2\n"), ElementsAre(HasSubstr("GPU: 2 uncorrected PCIe errors (fatal)")));
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
  // libvirt's default.
  const PciEvidence none = Pci(two, "numa_node: -1\n");
  const Findings notes = NumaProblems(none, none.functions[0], "GPU");
  EXPECT_THAT(Texts(notes), ElementsAre(HasSubstr("GPU is on no NUMA node, though this node has 2")));
  EXPECT_TRUE(notes.at(0).note);
  EXPECT_THAT(notes.at(0).advice, HasSubstr("<target busNr='254'><node>"));
  const PciEvidence far = Pci(two, "numa_node: 1\n");
  EXPECT_FALSE(NumaProblems(far, far.functions[0], "GPU").at(0).note);
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
