// Network cards that are really passed through, in a lab.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "helpers/parsers/network_evidence.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::IsEmpty;

const fs::path kCardsConfig = fs::path(PASSTHROUGH_SOURCE_DIR) / "tests/end_to_end/network_cards.yaml";

template <typename Evidence>
Evidence EvidenceOf(const TestLab& lab, const std::string& node) {
  const fs::path file = lab.Latest() / "evidence" / node / (std::string(Evidence::kProbe) + ".txt");
  return Evidence::Parse(ReadFile(file), file);
}

TEST(NetworkCardTest, NodesHaveTheCardsOfTheHost) {
  TestLab lab(kCardsConfig);
  lab.MustLab("up", {kCardsConfig.string()});
  const Inventory before = lab.Libvirt().TakeInventory();
  const ChildResult run = lab.Suite({});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(ReadJunit(lab.Latest() / "junit.xml").all,
              AllOf(Contains("NetworkWork.HasALink/hpc_compute_01_0000_05_00_0"),
                    Contains("NetworkWork.HasNoErrors/hpc_compute_02_0000_06_00_0")));
  for (const auto& [node, mac] :
       {std::pair("hpc_compute_01", "52:54:01:05:00:00"), {"hpc_compute_02", "52:54:01:06:00:00"}}) {
    const NetworkEvidence network = EvidenceOf<NetworkEvidence>(lab, node);
    const auto card = std::find_if(network.interfaces.begin(), network.interfaces.end(),
                                   [&](const NetworkInterface& one) { return one.mac == mac; });
    ASSERT_NE(card, network.interfaces.end()) << node;
    EXPECT_EQ(card->carrier, true);
    EXPECT_EQ(card->speed, 10000);
  }
  EXPECT_THAT(DescribeDifferences(before, lab.Libvirt().TakeInventory()), IsEmpty());
}

}  // namespace
}  // namespace passthrough
