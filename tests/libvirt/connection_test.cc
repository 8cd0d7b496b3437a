#include "helpers/libvirt/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "helpers/base/interruption.h"
#include "tests/libvirt/test_hypervisor.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

// A libvirt daemon that accepts and never says a word.
class SilentDaemon {
 public:
  SilentDaemon() : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::signal(SIGPIPE, SIG_IGN);  // as the programs do: libvirt's client may write when this one has gone
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(socket_, 4) != 0) {
      ADD_FAILURE() << "cannot listen on " << path();
    }
  }
  ~SilentDaemon() { close(socket_); }
  SilentDaemon(const SilentDaemon&) = delete;
  SilentDaemon& operator=(const SilentDaemon&) = delete;

  std::string uri() const { return "qemu+unix:///system?socket=" + path(); }

 private:
  std::string path() const { return (directory_.path() / "sock").string(); }

  TemporaryDirectory directory_{"silent"};
  int socket_;
};

TEST(LibvirtConnectionOpen, SaysWhereAndWhyItFailed) {
  const std::string message = MessageOf([] {
    LibvirtConnection::Open("qemu+unix:///system?socket=/nonexistent/libvirt-sock",
                            Deadline::After(std::chrono::seconds(60)));
  });
  EXPECT_THAT(message, AllOf(HasSubstr("cannot connect to libvirt at qemu+unix:///system?socket="),
                             HasSubstr("No such file or directory"), HasSubstr("libvirtd")));
}

TEST(LibvirtConnectionOpen, AHostThatDoesNotAnswerEndsAtTheDeadline) {
  const SilentDaemon daemon;
  EXPECT_THROW(LibvirtConnection::Open(daemon.uri(), Deadline::After(std::chrono::milliseconds(200))), TimeoutError);
}

TEST(LibvirtConnectionOpen, CanBeInterrupted) {
  const SilentDaemon daemon;
  std::thread interrupter([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    RequestInterruption(SIGINT);
  });
  EXPECT_THROW(LibvirtConnection::Open(daemon.uri(), Deadline::Never()), InterruptedError);
  interrupter.join();
  ClearInterruption();
}

TEST(LibvirtConnection, PrintsNothingByItself) {
  TestHypervisor host;
  testing::internal::CaptureStderr();
  EXPECT_NE(MessageOf([&] { host.connection().StartDomain("nobody"); }), "");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST(LibvirtConnection, EachThreadReadsItsOwnErrors) {
  TestHypervisor host;
  const auto fail_often = [&](const std::string& name) {
    for (int i = 0; i < 200; ++i) {
      EXPECT_THAT(MessageOf([&] { host.connection().DefineDomain("<" + name + "/>"); }),
                  HasSubstr("not '" + name + "'"));
    }
  };
  std::thread other(fail_often, "one");
  fail_often("two");
  other.join();
}

TEST(LibvirtConnection, LooksAtTheDriversOwnHost) {
  LibvirtConnection connection = LibvirtConnection::Open("test:///default", Deadline::After(std::chrono::seconds(60)));
  EXPECT_EQ(connection.uri(), "test:///default");
  EXPECT_TRUE(connection.IsAlive());
  // Debian 12's release of libvirt's test driver does not, Debian 13's does.
  unsigned long release = 0;
  ASSERT_EQ(virGetVersion(&release, nullptr, nullptr), 0);
  const bool offers_kvm = connection.OffersKvm();
  EXPECT_TRUE(offers_kvm || release < 11'003'000);
  EXPECT_TRUE(!offers_kvm || release >= 9'001'000);
  EXPECT_THAT(connection.DomainNames(), ElementsAre("test"));
  EXPECT_THAT(connection.NetworkNames(), ElementsAre("default"));
  EXPECT_THAT(connection.PoolNames(), ElementsAre("default-pool"));
  EXPECT_THAT(connection.DomainState("test"), Optional(std::string("running")));
  EXPECT_THAT(connection.DomainXml("test"), Optional(HasSubstr("<name>test</name>")));
}

TEST(LibvirtConnection, TheDefinitionHasNoId) {
  LibvirtConnection connection = LibvirtConnection::Open("test:///default", Deadline::Never());
  EXPECT_THAT(connection.DomainXml("test"), Optional(HasSubstr(" id='1'")));
  EXPECT_THAT(connection.DomainDefinition("test"),
              Optional(testing::AllOf(HasSubstr("<name>test</name>"), testing::Not(HasSubstr(" id='")))));
}

TEST(LibvirtConnection, AnotherOfAConnectionOutlivesIt) {
  std::optional<LibvirtConnection> first = LibvirtConnection::Open("test:///default", Deadline::Never());
  LibvirtConnection another = first->Share();
  first.reset();
  EXPECT_THAT(another.DomainNames(), ElementsAre("test"));
}

TEST(LibvirtConnection, WhatIsNotThereIsNoError) {
  TestHypervisor host;
  LibvirtConnection& connection = host.connection();
  EXPECT_EQ(connection.DomainXml("x"), std::nullopt);
  EXPECT_EQ(connection.DomainDefinition("x"), std::nullopt);
  EXPECT_EQ(connection.DomainState("x"), std::nullopt);
  EXPECT_EQ(connection.NodeDeviceXml(At("0000:01:00.0")), std::nullopt);
  EXPECT_EQ(connection.NetworkLeases("x"), std::nullopt);
  EXPECT_EQ(connection.VolumeNames("x"), std::nullopt);
  EXPECT_EQ(connection.ConsoleLog("x", 10), std::nullopt);
  EXPECT_THAT(connection.DomainAddresses("x"), IsEmpty());
  connection.DestroyDomain("x");
  connection.UndefineDomain("x");
  connection.RemoveNetwork("x");
  connection.RemovePool("x", true);
}

TEST(LibvirtConnection, TellsEachDomainsState) {
  TestHypervisor host(TestHypervisor::Domain("b") + TestHypervisor::Domain("a", "", 5) +
                      TestHypervisor::Domain("c", "", 6));
  const std::vector<DomainStatus> domains = host.connection().Domains();
  ASSERT_EQ(domains.size(), 3u);
  EXPECT_EQ(domains[0].name, "a");
  EXPECT_EQ(domains[0].state, "shut off");
  EXPECT_EQ(domains[1].state, "running");
  EXPECT_EQ(domains[1].uuid.size(), 36u);
  EXPECT_EQ(domains[2].state, "crashed");
}

TEST(LibvirtConnection, TakesAnInventory) {
  TestHypervisor host(TestHypervisor::Domain("d", TestHypervisor::Interface("n", "52:54:00:00:00:01") +
                                                      "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
                                                      "<address domain='0' bus='1' slot='0' function='0'/></source>"
                                                      "</hostdev>") +
                      TestHypervisor::Network("n") + TestHypervisor::Pool("p", "/p") + TestHypervisor::Computer() +
                      TestHypervisor::PciDevice(1, 0x040300) + TestHypervisor::PciDevice(0, 0x030000) +
                      "<device><name>net_virbr140_52_54_00_aa_bb_cc</name><parent>computer</parent>"
                      "<capability type='net'><interface>virbr140</interface></capability></device>"
                      "<interface type='ethernet' name='eth-1'><mac address='aa:bb:cc:dd:ee:ff'/></interface>"
                      "<device><name>net_eth_1_aa_bb_cc_dd_ee_ff</name><parent>computer</parent>"
                      "<capability type='net'><interface>eth-1</interface></capability></device>");
  const Inventory inventory = host.connection().TakeInventory();
  EXPECT_THAT(inventory.hypervisor, HasSubstr("TEST "));
  EXPECT_THAT(inventory.hypervisor, HasSubstr(", libvirt "));
  EXPECT_NE(inventory.hostname, "");
  ASSERT_NE(inventory.FindDomain("d"), nullptr);
  EXPECT_EQ(inventory.FindDomain("d")->state, "running");
  EXPECT_TRUE(inventory.FindDomain("d")->persistent);
  EXPECT_THAT(inventory.FindDomain("d")->mac_addresses, ElementsAre("52:54:00:00:00:01"));
  ASSERT_EQ(inventory.FindDomain("d")->hostdevs.size(), 1u);
  EXPECT_EQ(inventory.FindDomain("d")->hostdevs[0].host_address, At("0000:01:00.0"));
  ASSERT_NE(inventory.FindNetwork("n"), nullptr);
  EXPECT_EQ(inventory.FindNetwork("n")->bridge, "virbr140");
  EXPECT_TRUE(inventory.FindNetwork("n")->active);
  ASSERT_NE(inventory.FindPool("p"), nullptr);
  EXPECT_EQ(inventory.FindPool("p")->path, "/p");
  EXPECT_THAT(inventory.FindPool("p")->volumes, ElementsAre("image.qcow2"));
  EXPECT_THAT(inventory.interfaces, ElementsAre("eth-1", "virbr140"));
  EXPECT_TRUE(inventory.lists_bridges);
  ASSERT_EQ(inventory.pci_devices.size(), 2u);
  EXPECT_EQ(inventory.pci_devices[0].address, At("0000:01:00.0"));
  EXPECT_EQ(inventory.pci_devices[1].class_code, 0x040300u);
  EXPECT_EQ(inventory.pci_devices[1].iommu_group, 12);
}

TEST(LibvirtConnection, AnInventoryShowsWhatIsOff) {
  TestHypervisor host(TestHypervisor::Domain("d", "", 5) + TestHypervisor::Network("n"));
  LibvirtConnection& connection = host.connection();
  connection.DefinePool("<pool type='dir'><name>p</name><target><path>/p</path></target></pool>");
  connection.DefineNetwork(TestHypervisor::Network("m"));
  const Inventory inventory = connection.TakeInventory();
  EXPECT_FALSE(inventory.FindPool("p")->active);
  EXPECT_FALSE(inventory.FindNetwork("m")->active);
  EXPECT_TRUE(inventory.FindNetwork("n")->active);
  EXPECT_EQ(inventory.FindDomain("d")->state, "shut off");
}

TEST(LibvirtConnection, FindsAddressesWithoutLeases) {
  TestHypervisor host(TestHypervisor::Domain("d", TestHypervisor::Interface("n", "52:54:00:00:00:01")) +
                      TestHypervisor::Domain("off", TestHypervisor::Interface("n", "52:54:00:00:00:02"), 5) +
                      TestHypervisor::Network("n"));
  const auto addresses = host.connection().DomainAddresses("d");
  ASSERT_EQ(addresses.size(), 1u);
  EXPECT_EQ(addresses[0].mac, "52:54:00:00:00:01");
  EXPECT_THAT(addresses[0].ip, HasSubstr("192.168.140."));
  EXPECT_EQ(addresses[0].source, "arp");
  EXPECT_THAT(host.connection().DomainAddresses("off"), IsEmpty());
}

TEST(LibvirtConnection, MakesAndRemovesADomain) {
  TestHypervisor host;
  LibvirtConnection& connection = host.connection();
  connection.DefineDomain(TestHypervisor::Domain("d"));
  EXPECT_THAT(connection.DomainState("d"), Optional(std::string("shut off")));
  connection.StartDomain("d");
  EXPECT_THAT(connection.DomainState("d"), Optional(std::string("running")));
  EXPECT_THAT(MessageOf([&] { connection.StartDomain("d"); }), HasSubstr("cannot start domain d: "));
  connection.DestroyDomain("d");
  connection.DestroyDomain("d");
  EXPECT_THAT(connection.DomainState("d"), Optional(std::string("shut off")));
  connection.UndefineDomain("d");
  EXPECT_EQ(connection.DomainState("d"), std::nullopt);
  EXPECT_THAT(MessageOf([&] { connection.DefineDomain("<domain"); }), HasSubstr("cannot define a domain: "));
}

TEST(LibvirtConnection, MakesAndRemovesANetwork) {
  TestHypervisor host;
  LibvirtConnection& connection = host.connection();
  connection.DefineNetwork(TestHypervisor::Network("n"));
  connection.RemoveNetwork("n");
  connection.DefineNetwork(TestHypervisor::Network("n"));
  connection.StartNetwork("n");
  connection.RemoveNetwork("n");
  EXPECT_THAT(connection.NetworkNames(), IsEmpty());
  EXPECT_THAT(MessageOf([&] { connection.StartNetwork("n"); }), HasSubstr("look up network n"));
}

TEST(LibvirtConnection, MakesAndRemovesPoolsAndVolumes) {
  TestHypervisor host(TestHypervisor::Pool("images", "/images"));
  LibvirtConnection& connection = host.connection();
  connection.DefinePool("<pool type='dir'><name>c-pool</name><target><path>/c</path></target></pool>");
  EXPECT_EQ(connection.VolumeNames("c-pool"), std::nullopt) << "it is not active yet";
  connection.BuildAndStartPool("c-pool");
  connection.CreateVolume("c-pool", "<volume><name>c-b</name><capacity>4096</capacity></volume>");
  connection.CreateVolume("c-pool", "<volume><name>c-a</name><capacity>4096</capacity></volume>");
  EXPECT_THAT(connection.VolumeNames("c-pool"), Optional(ElementsAre("c-a", "c-b")));
  EXPECT_EQ(connection.VolumePath("c-pool", "c-a"), "/c/c-a");
  EXPECT_EQ(connection.VolumeCapacity("c-pool", "c-a"), 4096u);
  EXPECT_THAT(MessageOf([&] { connection.VolumePath("c-pool", "x"); }),
              AllOf(HasSubstr("look up volume x of storage pool c-pool"), HasSubstr("not found")));
  EXPECT_THAT(MessageOf([&] { connection.CreateVolume("c-pool", "<volume/>"); }),
              AllOf(HasSubstr("create a volume in storage pool c-pool"), HasSubstr("XML error")));
  connection.RemovePool("c-pool", true);
  EXPECT_THAT(connection.PoolNames(), ElementsAre("images"));
}

// A host with a domain whose console log is `path`.
std::string DomainWithConsole(const std::filesystem::path& path) {
  return TestHypervisor::Domain("d", fmt::format("<serial type='pty'><log file='{}'/></serial>", path.string()));
}

TEST(ConsoleLog, IsTheEndOfAFileOfThisMachine) {
  const TemporaryDirectory directory("console");
  const std::filesystem::path log = directory.path() / "d.log";
  TestHypervisor host(DomainWithConsole(log));
  EXPECT_EQ(host.connection().ConsoleLog("d", 100), std::nullopt);
  WriteFile(log, "booting\nlogin: ");
  EXPECT_THAT(host.connection().ConsoleLog("d", 100), Optional(std::string("booting\nlogin: ")));
  EXPECT_THAT(host.connection().ConsoleLog("d", 7), Optional(std::string("login: ")));
}

TEST(ConsoleLog, IsNotReadFromWhatIsNoFile) {
  const TemporaryDirectory directory("console");
  const std::filesystem::path fifo = directory.path() / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  TestHypervisor host(DomainWithConsole(fifo));
  EXPECT_EQ(host.connection().ConsoleLog("d", 100), std::nullopt);
}

}  // namespace
}  // namespace passthrough
