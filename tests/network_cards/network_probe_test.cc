// The real probe on a make-believe sysfs, read by the real parser.
#include <gmock/gmock.h>

#include <map>

#include "helpers/base/files.h"
#include "helpers/parsers/network_evidence.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const fs::path kProbe = fs::path(PASSTHROUGH_SOURCE_DIR) / "remote/probes/network.sh";

class NetworkProbeTest : public testing::TestWithParam<std::string> {
 protected:
  NetworkProbeTest() {
    options_.environment = {{"PROBE_ROOT", Root()}, {"PATH", Bin().string() + ":/usr/bin:/bin"}};
    fs::create_directories(Bin());
  }
  fs::path Root() const { return directory_.path() / "root"; }
  fs::path Bin() const { return directory_.path() / "bin"; }
  void Put(const std::string& path, const std::string& text) {
    const fs::path file = Root() / "sys" / path;
    fs::create_directories(file.parent_path());
    WriteFile(file, text + "\n");
  }
  void Link(const std::string& target, const std::string& path) {
    const fs::path link = Root() / "sys" / path;
    fs::create_directories(link.parent_path());
    fs::create_directory_symlink(fs::relative(Root() / "sys" / target, link.parent_path()), link);
  }
  // At sys/devices/pci0000:00/ADDRESS.
  void AddFunction(const std::string& address, const std::string& class_code, const std::string& driver) {
    const std::string place = "devices/pci0000:00/" + address;
    Put(place + "/class", class_code);
    Link(place, "bus/pci/devices/" + address);
    if (driver.empty()) return;
    fs::create_directories(Root() / "sys/bus/pci/drivers" / driver);
    Link("bus/pci/drivers/" + driver, place + "/driver");
  }
  // Below `device`, a folder of sys/devices.
  void AddInterface(const std::string& name, const std::string& device,
                    const std::map<std::string, std::string>& files) {
    const std::string place = device + "/net/" + name;
    Put(place + "/flags", "0x1003");
    for (const auto& [file, text] : files) Put(place + "/" + file, text);
    Link(device, place + "/device");
    Link(place, "class/net/" + name);
  }
  void AddPort(const std::string& device, const std::string& address, const std::map<std::string, std::string>& files) {
    const std::string place = "devices/pci0000:00/" + address + "/infiniband/" + device;
    Put(place + "/fw_ver", "20.31.1014");
    for (const auto& [file, text] : files) Put(place + "/ports/1/" + file, text);
    Link("devices/pci0000:00/" + address, place + "/device");
    Link(place, "class/infiniband/" + device);
  }
  NetworkEvidence Run() {
    std::vector<std::string> command = {GetParam(), kProbe.string()};
    if (GetParam() == "busybox") command.insert(command.begin() + 1, "sh");
    const ChildResult result = RunChild(command, options_, Deadline::After(std::chrono::minutes(1)));
    EXPECT_EQ(result.exit_status, 0) << result.output;
    text_ = result.output;
    return NetworkEvidence::Parse(text_, "network.txt");
  }

  const TemporaryDirectory directory_{"network-probe"};
  ChildOptions options_;
  std::string text_;
};

INSTANTIATE_TEST_SUITE_P(, NetworkProbeTest, testing::Values("dash", "bash", "busybox"),
                         [](const auto& test) { return test.param; });

TEST_P(NetworkProbeTest, AnInterfaceIsItsFunctions) {
  AddFunction("0000:05:00.0", "0x020000", "e1000e");
  AddInterface("eth1", "devices/pci0000:00/0000:05:00.0",
               {{"type", "1"},
                {"address", "52:54:01:05:00:00"},
                {"addr_assign_type", "0"},
                {"operstate", "up"},
                {"carrier", "1"},
                {"speed", "1000"},
                {"duplex", "full"},
                {"mtu", "1500"},
                {"carrier_changes", "2"},
                {"statistics/rx_errors", "7"},
                {"statistics/tx_errors", "0"},
                {"statistics/rx_packets", "18446744073709551615"}});
  const NetworkEvidence evidence = Run();
  ASSERT_THAT(evidence.functions, SizeIs(1)) << text_;
  EXPECT_EQ(evidence.functions[0].driver, "e1000e");
  EXPECT_EQ(evidence.functions[0].interfaces, 1);
  EXPECT_EQ(evidence.functions[0].infiniband_ports, 0);
  ASSERT_THAT(evidence.interfaces, SizeIs(1)) << text_;
  const NetworkInterface& one = evidence.interfaces[0];
  EXPECT_EQ(one.name, "eth1");
  EXPECT_EQ(one.address.ToString(), "0000:05:00.0");
  EXPECT_TRUE(one.up);
  EXPECT_EQ(one.mac, "52:54:01:05:00:00");
  EXPECT_EQ(one.mac_kind, 0);
  EXPECT_EQ(one.carrier, true);
  EXPECT_EQ(one.speed, 1000);
  EXPECT_EQ(one.mtu, 1500);
  EXPECT_EQ(one.carrier_changes, 2u);
  EXPECT_THAT(one.counters.values, ElementsAre(Pair("rx_errors", 7), Pair("rx_packets", UINT64_MAX)));
}

// virtio's interface is one of a virtio device, which is below the function.
TEST_P(NetworkProbeTest, AVirtioInterfaceIsItsFunctions) {
  AddFunction("0000:05:00.0", "0x020000", "virtio-pci");
  AddInterface("eth1", "devices/pci0000:00/0000:05:00.0/virtio3", {{"type", "1"}});
  const NetworkEvidence evidence = Run();
  ASSERT_THAT(evidence.interfaces, SizeIs(1)) << text_;
  EXPECT_EQ(evidence.interfaces[0].address.ToString(), "0000:05:00.0");
  EXPECT_FALSE(evidence.interfaces[0].carrier) << "not known: it cannot be read while the interface is switched off";
  EXPECT_FALSE(evidence.interfaces[0].speed);
  EXPECT_EQ(evidence.functions.at(0).interfaces, 1);
}

TEST_P(NetworkProbeTest, WhatIsNoPciFunctionIsLeftOut) {
  AddFunction("0000:00:14.0", "0x0c0330", "xhci_hcd");
  AddInterface("usb0", "devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0", {{"type", "1"}});
  Put("devices/virtual/net/lo/flags", "0x9");
  Link("devices/virtual/net/lo", "class/net/lo");
  AddFunction("0000:06:00.0", "0x020000", "");
  const NetworkEvidence evidence = Run();
  EXPECT_THAT(evidence.interfaces, IsEmpty()) << text_;
  ASSERT_THAT(evidence.functions, SizeIs(1)) << text_;
  EXPECT_EQ(evidence.functions[0].driver, "none");
  EXPECT_EQ(evidence.functions[0].interfaces, 0);
}

TEST_P(NetworkProbeTest, InfinibandsPorts) {
  AddFunction("0000:05:00.0", "0x020700", "mlx5_core");
  AddFunction("0000:06:00.0", "0x0c0600", "ib_mthca");
  AddPort("mlx5_0", "0000:05:00.0",
          {{"link_layer", "InfiniBand"},
           {"state", "4: ACTIVE"},
           {"phys_state", "5: LinkUp"},
           {"rate", "100 Gb/sec (4X EDR)"},
           {"lid", "0x1b"},
           {"gids/0", "fe80:0000:0000:0000:b8ce:f603:0000:0000"},
           {"gids/1", "0000:0000:0000:0000:0000:0000:0000:0000"},
           {"gid_attrs/ndevs/0", "ib0"},
           {"counters/symbol_error", "3"},
           {"counters/port_rcv_errors", "0"}});
  const NetworkEvidence evidence = Run();
  EXPECT_THAT(evidence.functions, SizeIs(2)) << text_;
  EXPECT_EQ(evidence.functions.at(0).infiniband_ports, 1);
  ASSERT_THAT(evidence.infiniband_ports, SizeIs(1)) << text_;
  const InfinibandPort& port = evidence.infiniband_ports[0];
  EXPECT_EQ(port.device, "mlx5_0");
  EXPECT_EQ(port.number, 1);
  EXPECT_TRUE(port.IsActive());
  EXPECT_EQ(port.state_name, "ACTIVE");
  EXPECT_EQ(port.lanes, 4);
  EXPECT_EQ(port.lid, 0x1bu);
  EXPECT_EQ(port.gids, 1);
  EXPECT_EQ(port.netdev, "ib0");
  EXPECT_EQ(port.firmware, "20.31.1014");
  EXPECT_THAT(port.counters.values, ElementsAre(Pair("symbol_error", 3)));
}

// What ethtool 6.1 prints, cut to what is of interest.
TEST_P(NetworkProbeTest, EthtoolTellsWhatBothEndsCan) {
  WriteFile(Bin() / "ethtool", R"(#!/bin/sh
if [ "$1" = -i ]; then
  printf 'driver: e1000e\nversion: 6.1.0\nfirmware-version: 0.13-4\nbus-info: 0000:05:00.0\n'
  exit
fi
cat <<end
Settings for $1:
	Supported ports: [ TP ]
	Supported link modes:   10baseT/Half 10baseT/Full
	                        100baseT/Half 100baseT/Full
	                        1000baseT/Full
	                        2500baseT/Full
	Supported pause frame use: No
	Advertised link modes:  10baseT/Half 10baseT/Full
	                        10000baseT/Full
	Link partner advertised link modes:  10baseT/Half 10baseT/Full
	                                     1000baseT/Full
	Link partner advertised pause frame use: No
	Speed: 100Mb/s
end
)",
            0755);
  AddFunction("0000:05:00.0", "0x020000", "e1000e");
  AddInterface("eth1", "devices/pci0000:00/0000:05:00.0", {{"type", "1"}});
  const NetworkEvidence evidence = Run();
  ASSERT_THAT(evidence.interfaces, SizeIs(1)) << text_;
  EXPECT_EQ(evidence.interfaces[0].supported_speed, 2500);
  EXPECT_EQ(evidence.interfaces[0].partner_speed, 1000);
  EXPECT_EQ(evidence.interfaces[0].firmware, "0.13-4");
}

TEST_P(NetworkProbeTest, AMachineWithoutAnyHasNothingToTell) {
  fs::create_directories(Root() / "sys");
  EXPECT_THAT(Run().functions, IsEmpty());
  EXPECT_EQ(text_, "end: network\n");
}

}  // namespace
}  // namespace passthrough
