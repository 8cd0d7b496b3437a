// A run on dhcp-and-off.yaml: nodes that have their addresses from DHCP alone, and nodes that are made and not started.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/cluster/discovery.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kOffNode[] = "hpc_controller";
constexpr char kOffGpuNode[] = "cloud_gpu_worker_01";
constexpr char kOffDomain[] = "test-hpc-dhcp-controller";

// One lab and one deployment for all of it, for that is what costs.
TEST(DhcpAndOffTest, AddressesComeFromLeasesAndWhatIsOffStaysOff) {
  const fs::path config = fs::path(PASSTHROUGH_SOURCE_DIR) / "tests" / "end_to_end" / "dhcp-and-off.yaml";
  TestLab lab(config);
  lab.MustLab("up", {config.string()});
  const Inventory before = lab.Libvirt().TakeInventory();

  const ChildResult run = lab.Suite({"--no-cleanup"});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("found 3 nodes; 2 more to be off"), HasSubstr("collected evidence from 3 of 3 nodes"),
                    HasSubstr("NOTE: not checked: the inside of hpc_controller and cloud_gpu_worker_01: off"),
                    HasSubstr("control_plane: has \"auto_start: false\", which ai-how ignores"),
                    HasSubstr("5 nodes, 0 GPUs, "), HasSubstr(" checks, all passed")));
  const fs::path directory = fs::canonical(lab.Latest());
  const Discovery found = DiscoveryFromJson(ReadFile(directory / "evidence" / "discovery.json"));
  for (const char* name : {"hpc_compute_01", "hpc_compute_02"}) {
    const DiscoveredNode* node = found.Find(name);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->address_source, "lease") << name;
    EXPECT_THAT(node->address, StartsWith("192.168.145.")) << name;
    EXPECT_EQ(node->problem, "");
  }
  EXPECT_NE(found.Find("hpc_compute_01")->address, found.Find("hpc_compute_02")->address);
  for (const char* name : {kOffNode, kOffGpuNode}) {
    EXPECT_EQ(found.Find(name)->state, "shut off") << name;
    EXPECT_EQ(found.Find(name)->problem + found.Find(name)->address, "") << name;
  }
  const JunitReport report = ReadJunit(directory / "junit.xml");
  EXPECT_THAT(
      report.all,
      AllOf(Contains("NodeIdentity.IsTheDomainItClaimsToBe/hpc_compute_02"),
            Contains(fmt::format("Node.IsThereAsPlanned/{}", kOffNode)),
            Not(Contains(HasSubstr(std::string("PciVisibility.NoOtherFunctionOfGpuMakersIsThere/") + kOffGpuNode))),
            Not(Contains(fmt::format("NodeIdentity.IsTheDomainItClaimsToBe/{}", kOffNode)))));
  EXPECT_THAT(ReadFile(directory / "ssh_config"), AllOf(HasSubstr("Host hpc_compute_02 "), Not(HasSubstr(kOffNode))));
  // The GPU of a node that is off stays with the host's driver.
  const PciAddress gpu = PciAddress::Parse("0000:01:00.0").value();
  EXPECT_EQ(lab.Libvirt().TakeInventory().FindPciDevice(gpu)->driver, before.FindPciDevice(gpu)->driver);

  // Somebody starts it. Paused: it would take memory that this lab has not.
  lab.MustRunOn("", {"virsh", "start", "--paused", kOffDomain});
  EXPECT_EQ(lab.Suite({"--attach", "--gtest_filter=Node.*"}).exit_status, 1);
  const JunitReport started = ReadJunit(lab.Latest() / "junit.xml");
  const std::string check = fmt::format("Node.IsThereAsPlanned/{}", kOffNode);
  EXPECT_THAT(started.failed, ElementsAre(check));
  EXPECT_THAT(started.messages.at(check), HasSubstr(fmt::format("domain {} is paused, expected shut off", kOffDomain)));

  const ChildResult destroyed = lab.Suite({"--destroy", directory.string()});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.output;
  EXPECT_THAT(DescribeDifferences(before, lab.Libvirt().TakeInventory()), IsEmpty());
}

}  // namespace
}  // namespace passthrough
