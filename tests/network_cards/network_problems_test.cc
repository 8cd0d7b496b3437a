// What is wrong with a network card, by what its node's kernel says of it.
#include "helpers/health/devices/network_problems.h"

#include <gmock/gmock.h>

#include <array>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kCardName[] = "network function 0000:81:00.0";
const PciAddress kEthernetCard = *PciAddress::Parse("0000:05:00.0");
const PciAddress kInfinibandCard = *PciAddress::Parse("0000:07:00.0");

// The seed, which is of healthy cards, with `to` in the place of `from`.
NetworkEvidence With(const std::string& from, const std::string& to) {
  std::string text = ReadFile(std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "tests/parsers/seeds/network.txt");
  const size_t at = text.find(from);
  if (at == std::string::npos) ADD_FAILURE() << from;
  return NetworkEvidence::Parse(text.replace(at, from.size(), to), "network.txt");
}

std::vector<std::string> Texts(const Findings& findings) {
  std::vector<std::string> texts;
  for (const Finding& one : findings) {
    EXPECT_THAT(one.where, HasSubstr("network.txt"));
    EXPECT_FALSE(one.advice.empty());
    texts.push_back((one.note ? "note: " : "") + one.found);
  }
  return texts;
}

// Of all checks of both cards.
std::vector<std::string> ProblemsOf(const NetworkEvidence& evidence) {
  std::vector<std::string> texts;
  for (const PciAddress& address : {kEthernetCard, kInfinibandCard}) {
    for (const auto problems_of :
         {MissingInterfaceProblems, NetworkLinkProblems, NetworkSpeedProblems, NetworkErrorProblems}) {
      for (const std::string& text : Texts(problems_of(evidence, address, kCardName))) texts.push_back(text);
    }
  }
  return texts;
}

TEST(NetworkProblemsTest, HealthyCardsHaveNone) { EXPECT_THAT(ProblemsOf(With("eth1", "eth1")), IsEmpty()); }

TEST(NetworkProblemsTest, EachHasItsWords) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"mac: 52:54:01:05:00:00", "mac: 00:00:00:00:00:00", "has the address \"00:00:00:00:00:00\", which no card"},
      {"mac: 52:54:01:05:00:00", "mac: ff:ff:ff:ff:ff:ff", "which no card can have"},
      {"mac: 52:54:01:05:00:00", "mac: ", "has the address \"\""},
      {"mac_kind: 0", "mac_kind: 1", "note: network function 0000:81:00.0: its interface eth1 has a random address"},
      {"operstate: up", "operstate: notpresent", "was taken away by its driver"},
      {"operstate: up", "operstate: dormant", "note: network function 0000:81:00.0: its interface eth1 has a carrier "},
      {"duplex: full", "duplex: half", "runs at half duplex"},
      {"speed: 25000", "speed: 10000", "runs at 10000 Mb/s, both ends can 25000 Mb/s"},
      {"speed: 25000", "speed: -1", "note: network function 0000:81:00.0: its interface eth1 has a driver that does"},
      {"speed: 25000", "speed: 4294967295", "does not tell its speed"},
      {"speed: 25000", "speed: 65535", "does not tell its speed"},
      {"speed: 25000", "ignored: 25000", "does not tell its speed"},
      {"partner_speed: 25000", "partner_speed: 10000", ""},
      {"counters: rx_bytes", "counters: rx_errors=10 rx_crc_errors=9 rx_bytes",
       "eth1 counts 10 bad packets received: rx_crc_errors 9 (of 61632 packets)"},
      {"counters: rx_bytes", "counters: rx_errors=9 rx_crc_errors=9 rx_bytes",
       "note: network function 0000:81:00.0: its interface eth1 counts 9 bad packets received"},
      {"counters: rx_bytes", "counters: rx_errors=500 rx_length_errors=500 rx_bytes", ""},
      {"counters: rx_bytes", "counters: tx_errors=12 tx_carrier_errors=12 rx_bytes",
       "eth1 counts 12 packets that could not be sent: tx_carrier_errors 12 (of 28602 packets)"},
      {"counters: rx_bytes", "counters: rx_missed_errors=62 rx_bytes",
       "note: network function 0000:81:00.0: its interface eth1 counts 62 packets that there was no room for"},
      {"counters: rx_bytes", "counters: rx_missed_errors=61 rx_bytes", ""},
      {"counters: rx_bytes", "counters: rx_dropped=5000 rx_bytes", ""},
      {"carrier_changes: 2", "carrier_changes: 10",
       "note: network function 0000:81:00.0: its interface eth1: its link"},
      {"state: 4: ACTIVE", "state: 1: DOWN", "its port mlx5_0/1 is DOWN (physical state 5: LinkUp), expected ACTIVE"},
      {"(4X EDR)", "(1X EDR)", "its port mlx5_1/1 runs at 100 Gb/sec (1X EDR): one lane"},
      {"(4X EDR)", "(4X SDR)", "note: network function 0000:81:00.0: its port mlx5_1/1 runs at 100 Gb/sec (4X SDR)"},
      {"(4X EDR)", "", "has a rate that is not understood, \"100 Gb/sec\""},
      {"lid: 0x1b", "lid: 0x0", "its port mlx5_1/1 is ACTIVE and has no LID"},
      {"port_rcv_packets=7771", "port_rcv_errors=10 port_rcv_packets=7771", "mlx5_1/1 counts 10 bad packets received"},
      {"port_rcv_packets=7771", "symbol_error=65535 port_rcv_packets=7771",
       "note: network function 0000:81:00.0: its port mlx5_1/1 counts 65535 symbol errors"},
      {"port_rcv_packets=7771", "link_downed=1 port_rcv_packets=7771", "note: network function 0000:81:00.0: its port"},
  };
  for (const auto& [from, to, says] : cases) {
    const std::vector<std::string> problems = ProblemsOf(With(from, to));
    if (says.empty()) {
      // "its port can …" is a note of its own where the other end can less; nothing else may be.
      for (const std::string& text : problems) EXPECT_THAT(text, testing::StartsWith("note: ")) << to;
    } else {
      EXPECT_THAT(problems, testing::Contains(HasSubstr(says))) << to;
    }
  }
}

// 10 errors are nothing among ten million packets and more.
TEST(NetworkProblemsTest, ErrorsAreSetAgainstThePackets) {
  const auto with = [](const std::string& packets) {
    return Texts(
        NetworkErrorProblems(With("rx_packets=61632", "rx_errors=10 rx_packets=" + packets), kEthernetCard, kCardName));
  };
  EXPECT_THAT(with("11000000"), ElementsAre(testing::StartsWith("note: ")));
  EXPECT_THAT(with("9000000"), ElementsAre(testing::Not(testing::StartsWith("note: "))));
  EXPECT_THAT(with("0"), ElementsAre(testing::Not(testing::StartsWith("note: "))));
}

TEST(NetworkProblemsTest, NoCarrier) {
  const auto problems = [](const NetworkEvidence& evidence) {
    return Texts(NetworkLinkProblems(evidence, kEthernetCard, kCardName));
  };
  // Its RoCE port says ACTIVE: a link is there, and what the interface says is noted.
  NetworkEvidence evidence = With("carrier: 1", "carrier: 0");
  EXPECT_THAT(problems(evidence),
              ElementsAre(HasSubstr("note: network function 0000:81:00.0: its interface eth1 has")));
  evidence.infiniband_ports[0].state = 1;
  evidence.infiniband_ports[0].state_name = "DOWN";
  EXPECT_THAT(problems(evidence), ElementsAre("network function 0000:81:00.0: its interface eth1 has no carrier"))
      << "for which its RoCE port is down as well";
  EXPECT_THAT(Texts(NetworkSpeedProblems(evidence, kEthernetCard, kCardName)),
              ElementsAre(HasSubstr("note: network function 0000:81:00.0 has no link that is known")));
  // The other port of a card that has two of them in one function.
  NetworkInterface other = evidence.interfaces[0];
  other.name = "eth2";
  other.carrier = true;
  evidence.interfaces.push_back(other);
  EXPECT_THAT(problems(evidence),
              ElementsAre("note: network function 0000:81:00.0: its interface eth1 has no carrier"));
}

TEST(NetworkProblemsTest, OfAnInterfaceThatIsSwitchedOffTheLinkIsNotKnown) {
  NetworkEvidence evidence = With("flags: 0x1003", "flags: 0x1002");
  evidence.interfaces[0].carrier.reset();
  evidence.infiniband_ports.erase(evidence.infiniband_ports.begin());
  EXPECT_THAT(Texts(NetworkLinkProblems(evidence, kEthernetCard, kCardName)),
              ElementsAre(AllOf(HasSubstr("note: "), HasSubstr("is switched off in the node"))));
  EXPECT_THAT(Texts(NetworkSpeedProblems(evidence, kEthernetCard, kCardName)),
              ElementsAre(HasSubstr("note: network function 0000:81:00.0 has no link that is known")));
}

TEST(NetworkProblemsTest, AdviceForAPortSaysWhatIsMissing) {
  NetworkEvidence evidence =
      With("4: ACTIVE\nphys_state: 5: LinkUp\nrate: 100", "2: INIT\nphys_state: 5: LinkUp\nrate: 100");
  const auto finding = [&] { return NetworkLinkProblems(evidence, kInfinibandCard, kCardName).at(0); };
  EXPECT_THAT(finding().advice, HasSubstr("subnet manager"));
  EXPECT_FALSE(finding().note);
  evidence.infiniband_ports[1].state_name = "DOWN";
  evidence.infiniband_ports[1].phys_state = "2: Polling";
  EXPECT_THAT(finding().advice, HasSubstr("finds nobody at the other end"));
  evidence.infiniband_ports[1].phys_state = "3: Disabled";
  EXPECT_THAT(finding().advice, HasSubstr("ibportstate"));
}

TEST(NetworkProblemsTest, WhatStandsForOthersHasNoPlug) {
  NetworkEvidence evidence = With("phys_port_name: p0", "phys_port_name: pf0vf0");
  evidence.interfaces[0].carrier = false;
  evidence.interfaces[0].duplex = "half";
  evidence.interfaces[0].counters.values["rx_errors"] = 1000;
  EXPECT_THAT(ProblemsOf(evidence), IsEmpty());
}

TEST(NetworkProblemsTest, SlowWithoutKnowingBetter) {
  NetworkEvidence evidence = With("speed: 25000", "speed: 100");
  const auto problems = [&] { return Texts(NetworkSpeedProblems(evidence, kEthernetCard, kCardName)); };
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("runs at 100 Mb/s, both ends can 25000")));
  evidence.interfaces[0].partner_speed.reset();
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("note: "), HasSubstr("its port can 25000 Mb/s"))));
  evidence.interfaces[0].supported_speed.reset();
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("note: "), HasSubstr("runs at 100 Mb/s"))));
  evidence.interfaces[0].speed = 1000;
  EXPECT_THAT(problems(), IsEmpty());
}

TEST(NetworkProblemsTest, MissingInterfaces) {
  const auto with = [](const std::string& line) {
    return Texts(
        MissingInterfaceProblems(With("0000:06:00.0 none 0 0", line), *PciAddress::Parse("0000:06:00.0"), kCardName));
  };
  EXPECT_THAT(with("0000:06:00.0 none 0 0"), ElementsAre(HasSubstr("has no driver in the node, and so no interface")));
  EXPECT_THAT(with("0000:06:00.0 virtio-pci 0 0"), ElementsAre(HasSubstr("no interface, though virtio-pci is bound")));
  EXPECT_THAT(with("0000:06:00.0 vfio-pci 0 0"),
              ElementsAre(AllOf(HasSubstr("note: "), HasSubstr("programs drive it"))));
  EXPECT_THAT(with("0000:06:00.0 mlx4_core 0 1"), IsEmpty());
  EXPECT_THAT(with("0000:08:00.0 e1000e 1 0"), ElementsAre(HasSubstr("where no network controller is")));
}

}  // namespace
}  // namespace passthrough
