#include "helpers/deployer/deployer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

#include "helpers/base/object_uuid.h"
#include "helpers/cluster/libvirt_discovery.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "tests/libvirt/test_hypervisor.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;

PlannedNode Node(std::string name, NodeRole role, std::vector<std::string> domain_names) {
  PlannedNode node;
  node.name = std::move(name);
  node.cluster = "c";
  node.role = role;
  node.domain_names = std::move(domain_names);
  node.disk_gb = 20;
  return node;
}

// Cluster "c": a controller, a compute node with a GPU and its audio function, one that is kept
// off.
Plan SmallPlan() {
  Plan plan;
  plan.config_path = "/configs/c.yaml";
  PlannedCluster& cluster = plan.clusters.emplace_back();
  cluster.name = "c";
  cluster.network_name = "c-network";
  cluster.pool_name = "c-pool";
  cluster.subnet = Ipv4Subnet::Parse("192.168.140.0/24").value();
  cluster.bridge = "virbr140";
  plan.nodes = {Node("hpc_controller", NodeRole::kController, {"c-controller"}),
                Node("hpc_compute_01", NodeRole::kCompute, {"c-compute-01", "c-compute-0"}),
                Node("hpc_compute_02", NodeRole::kCompute, {"c-compute-02", "c-compute-1"})};
  plan.nodes[0].address = "192.168.140.10";
  for (const std::string_view address : {"0000:01:00.0", "0000:01:00.1"}) {
    PlannedDevice device;
    device.host_address = PciAddress::Parse(address).value();
    device.type = address.back() == '0' ? DeviceType::kGpu : DeviceType::kAudio;
    plan.nodes[1].devices.push_back(device);
  }
  plan.nodes[2].auto_start = false;
  return plan;
}

// What the plan needs, and somebody else's things.
std::string HostContent(bool with_iommu = true) {
  return TestHypervisor::Domain("web") + TestHypervisor::Network("default") +
         TestHypervisor::Pool("images", "/images") + TestHypervisor::Computer() +
         TestHypervisor::PciDevice(0, 0x030000, with_iommu) + TestHypervisor::PciDevice(1, 0x040300, with_iommu);
}

class Deployer : public testing::Test {
 protected:
  Deployer() {
    settings_.base_volume = VolumeReference{"images", "image.qcow2"};
    settings_.pool_root = "/pools";
    settings_.target_options = {"--connect", "qemu+ssh://root@h/system?no_tty=1"};
  }

  void Create() {
    CreateCluster(plan_, settings_, connection_, [this](const std::string& line) { log_ += line + "\n"; });
  }

  void Destroy(bool force = true) {
    DestroyCluster(
        plan_, settings_, connection_, [this](const std::string& line) { log_ += line + "\n"; }, force);
  }

  // The message of the Error that `call` throws; "" if it throws none.
  template <typename Call>
  static std::string MessageOf(Call call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  TestHypervisor host_{HostContent()};
  LibvirtConnection& connection_ = host_.connection();
  Plan plan_ = SmallPlan();
  DeploySettings settings_;
  std::string log_;
};

TEST_F(Deployer, MakesWhatThePlanSays) {
  Create();
  EXPECT_THAT(connection_.NetworkNames(), ElementsAre("c-network", "default"));
  EXPECT_THAT(connection_.PoolNames(), ElementsAre("c-pool", "images"));
  EXPECT_THAT(connection_.VolumeNames("c-pool"),
              Optional(ElementsAre("c-base.qcow2", "c-compute-01.qcow2", "c-compute-02.qcow2", "c-controller.qcow2")));
  EXPECT_EQ(connection_.VolumePath("c-pool", "c-compute-01.qcow2"), "/pools/c/c-compute-01.qcow2");
  EXPECT_EQ(connection_.VolumeCapacity("c-pool", "c-compute-01.qcow2"), uint64_t{20} << 30);
  EXPECT_THAT(connection_.DomainState("c-controller"), Optional(std::string("running")));
  EXPECT_THAT(connection_.DomainState("c-compute-01"), Optional(std::string("running")));
  EXPECT_THAT(connection_.DomainState("c-compute-02"), Optional(std::string("shut off")));
  const DomainDescription compute = ReadDomainXml(connection_.DomainXml("c-compute-01").value());
  ASSERT_EQ(compute.hostdevs.size(), 2u);
  EXPECT_EQ(compute.console_log, "/pools/c/c-compute-01-console.log");
  EXPECT_EQ(compute.interfaces.at(0).network, "c-network");
  EXPECT_THAT(log_, AllOf(HasSubstr("network c-network started"), HasSubstr("domain c-compute-01 started")));
  EXPECT_THAT(log_, Not(HasSubstr("NOTE")));
}

TEST_F(Deployer, SaysWhatItLeavesOut) {
  plan_.clusters[0].acceleration.enable_nested = true;
  plan_.nodes[1].virtio_fs_mounts.push_back({"data", "/srv/data", "/data", true});
  Create();
  EXPECT_THAT(log_, testing::StartsWith("NOTE: c: hardware.acceleration.enable_nested is ignored\n"
                                        "NOTE: hpc_compute_01: virtio_fs_mounts is ignored\n"));
}

TEST_F(Deployer, StartsNodesWithDevicesFirst) {
  Create();
  EXPECT_LT(log_.find("c-compute-01 started"), log_.find("c-controller started"));
}

TEST_F(Deployer, WhatItMakesIsDiscovered) {
  Create();
  const Discovery found = DiscoverDomainsOnce(plan_, connection_);
  for (const DiscoveredNode& node : found.nodes) EXPECT_EQ(node.problem, "") << node.node;
  EXPECT_THAT(found.unplanned, IsEmpty());
}

TEST_F(Deployer, TheLabsSettingsGoIntoTheDomains) {
  settings_.scale = NodeScale{.memory_mib = 256, .cpus = 1};
  Create();
  EXPECT_THAT(connection_.DomainXml("c-controller"), Optional(HasSubstr(">262144</memory>")));
  // Debian 12's release of libvirt's test driver does not offer KVM, Debian 13's does.
  EXPECT_THAT(log_, HasSubstr(fmt::format("c-controller defined (256 MiB, 1 CPU, {})",
                                          connection_.OffersKvm() ? "KVM" : "emulation")));
}

TEST_F(Deployer, EachBaseImageIsMadeOnce) {
  Create();
  size_t count = 0;
  for (size_t at = log_.find("base image"); at != std::string::npos; at = log_.find("base image", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 1u);
}

TEST_F(Deployer, LeavesTheHostAsItWas) {
  const Inventory before = connection_.TakeInventory();
  Create();
  EXPECT_THAT(DescribeDifferences(before, connection_.TakeInventory()), Not(IsEmpty()));
  Destroy();
  EXPECT_THAT(DescribeDifferences(before, connection_.TakeInventory()), IsEmpty());
  EXPECT_THAT(log_, HasSubstr("everything is gone"));
}

TEST_F(Deployer, DestroyingTwiceIsNoError) {
  Create();
  Destroy();
  log_.clear();
  Destroy();
  EXPECT_THAT(log_, HasSubstr("there was nothing to remove"));
}

TEST_F(Deployer, DestroysWhatIsThereOfHalfACluster) {
  const Inventory before = connection_.TakeInventory();
  Create();
  connection_.RemoveNetwork("c-network");
  connection_.DestroyDomain("c-compute-01");
  connection_.UndefineDomain("c-controller");  // it runs on, as a transient domain
  Destroy();
  EXPECT_THAT(DescribeDifferences(before, connection_.TakeInventory()), IsEmpty());
}

TEST_F(Deployer, TouchesNoNameButItsOwn) {
  Create();
  connection_.DefineDomain(TestHypervisor::Domain("c-compute-03"));
  connection_.DefineDomain(TestHypervisor::Domain("c-compute-0"));
  Destroy();
  EXPECT_THAT(connection_.DomainNames(), ElementsAre("c-compute-0", "c-compute-03", "web"));
  EXPECT_THAT(connection_.VolumeNames("images"), Optional(ElementsAre("image.qcow2")));
}

// Of two runs of one cluster, each removes what it made itself, whatever the names say.
TEST_F(Deployer, OfARunOnlyWhatHasItsUuidsIsDestroyed) {
  settings_.run = "one";
  Create();
  EXPECT_EQ(connection_.DomainUuid("c-compute-01"), ObjectUuid("one", "domain c-compute-01"));
  EXPECT_EQ(connection_.NetworkUuid("c-network"), ObjectUuid("one", "network c-network"));
  EXPECT_EQ(connection_.PoolUuid("c-pool"), ObjectUuid("one", "pool c-pool"));
  EXPECT_THAT(connection_.DomainXml("c-compute-01"), Optional(HasSubstr(">one</passthrough-suite:run>")));
  settings_.run = "other";
  Destroy();
  EXPECT_THAT(log_, HasSubstr("domain c-compute-01 was not created by this run and was left alone"));
  EXPECT_THAT(connection_.DomainNames(), Contains("c-compute-01"));
  EXPECT_THAT(connection_.NetworkNames(), Contains("c-network"));
  EXPECT_THAT(connection_.PoolNames(), Contains("c-pool"));
  settings_.run = "one";
  Destroy();
  EXPECT_THAT(connection_.DomainNames(), ElementsAre("web"));
  EXPECT_THAT(connection_.NetworkNames(), ElementsAre("default"));
}

TEST_F(Deployer, TheCommandThatRemovesItNamesThePlace) {
  EXPECT_THAT(DestroyCommand(plan_, settings_),
              EndsWith("passthrough-lab destroy --force --connect 'qemu+ssh://root@h/system?no_tty=1' "
                       "/configs/c.yaml"));
}

TEST_F(Deployer, RefusesNamesThatExist) {
  connection_.DefineDomain(TestHypervisor::Domain("c-compute-0"));
  connection_.DefineNetwork(TestHypervisor::Network("c-network"));
  const std::string message = MessageOf([&] { Create(); });
  EXPECT_THAT(message, AllOf(HasSubstr("nothing was changed"),
                             HasSubstr("there already: network c-network. If that is left from an earlier run, remove "
                                       "it: " +
                                       DestroyCommand(plan_, settings_) + "\n"),
                             HasSubstr("there already: domain c-compute-0. "), Not(HasSubstr("c-pool"))));
  EXPECT_THAT(connection_.PoolNames(), ElementsAre("images"));
  EXPECT_THAT(connection_.DomainNames(), ElementsAre("c-compute-0", "web"));
}

TEST_F(Deployer, RefusesDevicesThatAreNotThere) {
  plan_.nodes[1].devices[1].host_address = PciAddress::Parse("0000:01:00.7").value();
  EXPECT_THAT(MessageOf([&] { Create(); }),
              AllOf(HasSubstr("0000:01:00.7 of hpc_compute_01 is not there"), Not(HasSubstr("0000:01:00.0"))));
  EXPECT_THAT(connection_.NetworkNames(), ElementsAre("default"));
}

TEST_F(Deployer, RefusesDevicesWithoutIommu) {
  TestHypervisor host(HostContent(/*with_iommu=*/false));
  EXPECT_THAT(MessageOf([&] { CreateCluster(plan_, settings_, host.connection(), nullptr); }),
              AllOf(HasSubstr("0000:01:00.0 of hpc_compute_01 is in no IOMMU group"), HasSubstr("intel_iommu=on")));
}

TEST_F(Deployer, RefusesABaseVolumeThatIsNotThere) {
  settings_.base_volume->volume = "other.qcow2";
  EXPECT_THAT(MessageOf([&] { Create(); }), HasSubstr("other.qcow2"));
  EXPECT_THAT(connection_.NetworkNames(), ElementsAre("default"));
}

TEST_F(Deployer, RefusesABaseImageThatCannotBeOne) {
  const TemporaryDirectory directory("base");
  settings_.base_volume.reset();
  EXPECT_THAT(MessageOf([&] { Create(); }), HasSubstr("it has no base_image_path"));
  for (PlannedNode& node : plan_.nodes) node.base_image_path = directory.path() / "base.qcow2";
  EXPECT_THAT(MessageOf([&] { Create(); }), HasSubstr("does not exist"));
  WriteFile(directory.path() / "base.qcow2", "not an image");
  EXPECT_THAT(MessageOf([&] { Create(); }), HasSubstr("is not a qcow2 image"));
  EXPECT_THAT(connection_.NetworkNames(), ElementsAre("default"));
}

TEST_F(Deployer, AFailedCreateSaysWhatItMade) {
  plan_.clusters[0].bridge = "virbr-of-somebody-else";  // longer than an interface's name may be
  plan_.nodes[2].domain_names[0] = "c-compute/02";      // libvirt refuses the slash
  const std::string message = MessageOf([&] { Create(); });
  EXPECT_THAT(message, AllOf(HasSubstr("Made so far: network c-network"), HasSubstr("domain c-compute-01"),
                             EndsWith("To remove that: " + DestroyCommand(plan_, settings_))));
}

TEST_F(Deployer, AnInterruptedCreateStopsBetweenSteps) {
  EXPECT_THROW(CreateCluster(plan_, settings_, connection_, nullptr, Deadline::After(std::chrono::seconds(0))), Error);
  EXPECT_THAT(connection_.DomainNames(), ElementsAre("web"));
  Destroy();
}

// Gives `text` to std::cin and keeps what goes to std::cout.
class Terminal {
 public:
  explicit Terminal(const std::string& text)
      : in_(text), old_in_(std::cin.rdbuf(in_.rdbuf())), old_out_(std::cout.rdbuf(out_.rdbuf())) {}
  ~Terminal() {
    std::cin.rdbuf(old_in_);
    std::cin.clear();
    std::cout.rdbuf(old_out_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  std::string output() const { return out_.str(); }

 private:
  std::istringstream in_;
  std::ostringstream out_;
  std::streambuf* old_in_;
  std::streambuf* old_out_;
};

TEST_F(Deployer, AsksBeforeItDestroys) {
  Create();
  for (const std::string answer : {"", "\n", "n\n", "yolo\n"}) {
    const Terminal terminal(answer);
    EXPECT_THAT(MessageOf([&] { Destroy(/*force=*/false); }), HasSubstr("not destroyed"));
    EXPECT_EQ(terminal.output(), "Destroy cluster c? [y/N] ");
  }
  EXPECT_THAT(connection_.DomainNames(), testing::SizeIs(4));
  const Terminal terminal("y\n");
  Destroy(/*force=*/false);
  EXPECT_THAT(connection_.DomainNames(), ElementsAre("web"));
}

}  // namespace
}  // namespace passthrough
