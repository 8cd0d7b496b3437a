#include "fixtures/verdict/run_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/reporters/evidence_excerpt.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(RunFactsTest, AReadingIsANumberThatIsNoLimitAndNoSize) {
  for (const auto& [name, text] : {std::pair{"temperature/gpu_temp", "45 C"},
                                   {"utilization/gpu_util", "3 %"},
                                   {"power_readings/power_draw", "12.50 W"},
                                   {"ecc_errors/volatile/dram", "0"}}) {
    EXPECT_TRUE(IsReading(name, text)) << name;
  }
  for (const auto& [name, text] : {std::pair{"vbios_version", "96.02.41.00.01"},
                                   {"serial", "1650522003820"},
                                   {"fb_memory_usage/total", "24564 MiB"},
                                   {"power/max_power_limit", "450.00 W"},
                                   {"pci/pci_device_id", "268410DE"},
                                   {"ecc_mode/current_ecc", "Enabled"},
                                   {"minor_number", "0"},
                                   {"uuid", "GPU-0f0e"}}) {
    EXPECT_FALSE(IsReading(name, text)) << name;
  }
}

TEST(RunFactsTest, WhatLibvirtMakesUpAnewIsNoFactOfADomain) {
  const Facts facts = DomainXmlFacts(
      "<domain type='kvm' id='7'><name>a</name><uuid>1-2</uuid><metadata><x:run xmlns:x='u'>run-1</x:run></metadata>"
      "<devices><interface type='network'><target dev='vnet3'/></interface>"
      "<disk><source file='/var/lib/a.qcow2'/></disk><hostdev managed='yes'/><hostdev managed='no'/></devices>"
      "<seclabel type='dynamic'><label>x:y</label></seclabel></domain>");
  EXPECT_THAT(facts, UnorderedElementsAre(
                         Pair("/type", "kvm"), Pair("name", "a"), Pair("devices/interface/type", "network"),
                         Pair("devices/hostdev[1]/managed", "yes"), Pair("devices/hostdev[2]/managed", "no"),
                         Pair("devices/disk/source/file", "/var/lib/a.qcow2"), Pair("seclabel/type", "dynamic")));
  EXPECT_THAT(DomainXmlFacts("<domain><genid>1</genid><currentMemory>7</currentMemory><devices>"
                             "<graphics port='5901' autoport='yes'/><vsock><cid auto='yes' address='3'/></vsock>"
                             "<serial><source path='/dev/pts/3'/></serial></devices></domain>"),
              UnorderedElementsAre(Pair("devices/graphics/autoport", "yes"), Pair("devices/vsock/cid/auto", "yes")));
  std::string deep;
  for (int i = 0; i < 30'000; ++i) deep += "<a b='1'>";
  for (int i = 0; i < 30'000; ++i) deep += "</a>";
  EXPECT_THAT(DomainXmlFacts(deep), testing::SizeIs(testing::Lt(100u)));
  EXPECT_THAT(DomainXmlFacts("no XML"), IsEmpty());
}

TEST(RunFactsTest, ARunWithoutEvidenceHasNone) {
  const TemporaryDirectory directory("run-facts");
  PlannedNode node;
  node.name = "hpc_compute_01";
  node.devices.resize(1);
  const RunFacts facts = ReadRunFacts(RunDirectory::Create(directory.path()), {&node});
  EXPECT_FALSE(facts.record);
  EXPECT_FALSE(facts.host);
  ASSERT_EQ(facts.nodes.size(), 1u);
  EXPECT_THAT(facts.nodes[0].devices, testing::SizeIs(1));
}

TEST(EvidenceExcerptTest, HasTheLinesAroundTheOneThatIsNamed) {
  const TemporaryDirectory directory("excerpt");
  std::filesystem::create_directories(directory.path() / "evidence" / "n");
  WriteFile(directory.path() / "evidence/n/pci.txt", "a\nb\nc\nd\n\x1b[31m\nf\ng\nh\ni\n");
  WriteFile(directory.path() / "secret", "x\n");
  EvidenceExcerpts excerpts(directory.path());
  const auto lines = excerpts.Around("evidence/n/pci.txt:5");
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0].number, 2);
  EXPECT_EQ(lines[3].text, "\\x1b[31m");
  EXPECT_TRUE(lines[3].named);
  EXPECT_THAT(excerpts.Around("evidence/n/pci.txt:1"), testing::SizeIs(4));
  for (const char* none : {"evidence/n/pci.txt", "evidence/n/gone.txt:1", "evidence/../secret:1", "/etc/passwd:1",
                           "secret:1", "evidence/n/pci.txt:0", "", ":1"}) {
    EXPECT_THAT(excerpts.Around(none), IsEmpty()) << none;
  }
  std::filesystem::create_symlink("../../secret", directory.path() / "evidence/n/link.txt");
  std::filesystem::create_directory_symlink("..", directory.path() / "evidence/up");
  EXPECT_THAT(excerpts.Around("evidence/n/link.txt:1"), IsEmpty());
  EXPECT_THAT(excerpts.Around("evidence/up/secret:1"), IsEmpty());
}

// A check that throws has its evidence in its words alone, which may be a node's.
TEST(FindingsTest, APlaceIsOneOfTheEvidence) {
  const auto where = [](const std::string& failure) {
    CheckResult check;
    check.failures = {failure};
    return FindingsOf(check, {}).at(0).where;
  };
  EXPECT_EQ(where("no line (evidence/hpc_compute_01/pci.txt:14). Look"), "evidence/hpc_compute_01/pci.txt:14");
  EXPECT_EQ(where("evidence/host/after.json is missing"), "evidence/host/after.json");
  EXPECT_EQ(where("evidence/host/after.json: missing"), "evidence/host/after.json");
  EXPECT_EQ(where("evidence/../../etc/passwd:1"), "");
  EXPECT_EQ(where("evidence/ nothing"), "");
  EXPECT_EQ(where("evidence/" + std::string(1 << 20, 'x')).size(), (1u << 20) + 9);
}

}  // namespace
}  // namespace passthrough
