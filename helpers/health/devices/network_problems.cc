#include "helpers/health/devices/network_problems.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace passthrough {
namespace {

constexpr char kLookForItsDriver[] =
    "Look for the card's driver in the node's kernel log, and for DMAR, AMD-Vi and vfio in the host's.";
constexpr char kLookAtItsCable[] = "Look at the cable, the transceiver, and the port at the other end.";

std::string InterfaceName(const NetworkInterface& one, const std::string& name) {
  return fmt::format("{}: its interface {}", name, one.name);
}

std::string PortName(const InfinibandPort& port, const std::string& name) {
  return fmt::format("{}: its port {}/{}", name, port.device, port.number);
}

// IP over InfiniBand has the link of its port.
bool HasItsOwnLink(const NetworkInterface& one) {
  constexpr unsigned kInfiniband = 32;  // ARPHRD_INFINIBAND
  return one.link_type != kInfiniband && !one.represents_another;
}

bool HasLink(const NetworkInterface& one) { return one.up && one.carrier == true; }

// Whether one of the function's ports has a link, whichever.
bool AnyHasLink(const NetworkEvidence& network, const PciAddress& address) {
  const auto interfaces = network.InterfacesOf(address);
  const auto ports = network.InfinibandPortsOf(address);
  return std::any_of(interfaces.begin(), interfaces.end(),
                     [](const NetworkInterface* one) { return HasItsOwnLink(*one) && HasLink(*one); }) ||
         std::any_of(ports.begin(), ports.end(), [](const InfinibandPort* port) { return port->IsActive(); });
}

// Drivers that hand a function to a program (DPDK, "Linux Drivers").
bool IsForPrograms(std::string_view driver) {
  return driver == "vfio-pci" || driver == "uio_pci_generic" || driver == "igb_uio";
}

// "52:54:00:12:34:56"; an address of another length is none of Ethernet's. IEEE 802: the lowest bit of the first byte
// is set in addresses of groups.
bool IsNoCardsAddress(const std::string& mac) {
  if (mac.find_first_not_of("0:") == std::string::npos) return true;
  unsigned first = 0;
  const auto [end, error] = std::from_chars(mac.data(), mac.data() + std::min<size_t>(mac.size(), 2), first, 16);
  return error != std::errc() || (first & 1) != 0;
}

void AddAddressProblems(const NetworkEvidence& network, const NetworkInterface& one, const std::string& name,
                        Findings* findings) {
  constexpr unsigned kEthernet = 1;
  constexpr int kRandom = 1;  // NET_ADDR_RANDOM
  if (one.link_type != kEthernet || one.represents_another) return;
  if (IsNoCardsAddress(one.mac)) {
    findings->push_back(
        {.found = fmt::format("{} has the address \"{}\", which no card can have", InterfaceName(one, name), one.mac),
         .where = network.At(one.mac_line > 0 ? one.mac_line : one.line),
         .advice = kLookForItsDriver});
  } else if (one.mac_kind == kRandom) {
    findings->push_back({.found = fmt::format("{} has a random address, {}: the card told its driver none",
                                              InterfaceName(one, name), one.mac),
                         .where = network.At(one.mac_line),
                         .advice = "A virtual function gets one from its host: ip link set PF vf N mac ADDRESS.",
                         .note = true});
  }
}

void AddCarrierProblems(const NetworkEvidence& network, const NetworkInterface& one, const std::string& name,
                        bool other_has_link, Findings* findings) {
  const auto add = [&](const std::string& what, int line, const std::string& advice, bool note) {
    findings->push_back({.found = fmt::format("{} {}", InterfaceName(one, name), what),
                         .where = network.At(line > 0 ? line : one.line),
                         .advice = advice,
                         .note = note});
  };
  if (one.operstate == "notpresent") {
    add("was taken away by its driver (operstate notpresent)", one.operstate_line, kLookForItsDriver, false);
  } else if (!one.up) {
    add("is switched off in the node, so its link is not known", one.line,
        fmt::format("Switch it on and look again: ip link set {} up", one.name), true);
  } else if (!one.carrier) {
    add("has a driver that does not tell whether there is a carrier", one.line, "It was not checked.", true);
  } else if (!*one.carrier) {
    add("has no carrier", one.carrier_line,
        other_has_link ? "Another port of the card has one; nothing need be connected to this." : kLookAtItsCable,
        other_has_link);
  } else if (one.operstate == "dormant" || one.operstate == "testing") {
    add(fmt::format("has a carrier and is not in use: its state is {}", one.operstate), one.operstate_line,
        "It waits for another program of the node, as for 802.1X.", true);
  }
}

// InfiniBand Architecture Specification 1.4, 14.2.5.6: PortPhysicalState.
std::string AdviceForPort(const InfinibandPort& port) {
  if (port.state_name == "INIT" || port.state_name == "ARMED") {
    return "Its cable is good, and no subnet manager has configured it: look whether one (opensm) runs in this fabric.";
  }
  if (port.phys_state.find("Disabled") != std::string::npos) {
    return "It is disabled: ibportstate enables it, from here or from its switch.";
  }
  if (port.phys_state.find("Polling") != std::string::npos) {
    return "It finds nobody at the other end. " + std::string(kLookAtItsCable);
  }
  return kLookAtItsCable;
}

void AddPortProblems(const NetworkEvidence& network, const InfinibandPort& port, const std::string& name,
                     bool other_has_link, Findings* findings) {
  if (port.IsActive()) {
    if (!port.IsEthernet() && port.lid.value_or(1) == 0) {
      findings->push_back({.found = PortName(port, name) + " is ACTIVE and has no LID",
                           .where = network.At(port.lid_line),
                           .advice = "Look at the log of the fabric's subnet manager."});
    }
    return;
  }
  const NetworkInterface* const interface = port.netdev.empty() ? nullptr : network.FindInterface(port.netdev);
  if (port.IsEthernet() && interface != nullptr && !HasLink(*interface)) return;  // that is why, and it is reported
  findings->push_back(
      {.found = fmt::format("{} is {}{}, expected ACTIVE", PortName(port, name), port.state_name,
                            port.phys_state.empty() ? "" : fmt::format(" (physical state {})", port.phys_state)),
       .where = network.At(port.state_line),
       .advice = other_has_link ? "Another port of the card has a link; nothing need be connected to this."
                                : AdviceForPort(port),
       .note = other_has_link});
}

void AddSpeedProblems(const NetworkEvidence& network, const NetworkInterface& one, const std::string& name,
                      Findings* findings) {
  const auto add = [&](const std::string& what, const std::string& advice, bool note) {
    findings->push_back({.found = fmt::format("{} {}", InterfaceName(one, name), what),
                         .where = network.At(one.speed_line > 0 ? one.speed_line : one.line),
                         .advice = advice,
                         .note = note});
  };
  if (one.duplex == "half") {
    add("runs at half duplex",
        "One end negotiates and the other does not: let both do so, or set both to the same speed and full duplex.",
        false);
  }
  if (!one.speed) {
    add("has a driver that does not tell its speed", "It was not checked.", true);
    return;
  }
  const int own = one.supported_speed.value_or(0);
  const int both = std::min(own, one.partner_speed.value_or(0));
  constexpr int kFastEthernet = 100;  // every card of PCI Express but a few old ones can ten times that
  if (*one.speed < both) {
    add(fmt::format("runs at {} Mb/s, both ends can {} Mb/s", *one.speed, both), kLookAtItsCable, false);
  } else if (*one.speed < own) {
    add(fmt::format("runs at {} Mb/s, its port can {} Mb/s", *one.speed, own),
        "What the other end can is not known: it may be in order.", true);
  } else if (own == 0 && *one.speed <= kFastEthernet) {
    add(fmt::format("runs at {} Mb/s", *one.speed), kLookAtItsCable, true);
  }
}

void AddRateProblems(const NetworkEvidence& network, const InfinibandPort& port, const std::string& name,
                     Findings* findings) {
  if (port.IsEthernet() || !port.IsActive()) return;
  const auto add = [&](const std::string& what, bool note) {
    findings->push_back({.found = fmt::format("{} runs at {}{}", PortName(port, name), port.rate, what),
                         .where = network.At(port.rate_line > 0 ? port.rate_line : port.line),
                         .advice = kLookAtItsCable,
                         .note = note});
  };
  if (!port.lanes) {
    findings->push_back(
        {.found = fmt::format("{} has a rate that is not understood, \"{}\"", PortName(port, name), port.rate),
         .where = network.At(port.line),
         .advice = "It was not checked.",
         .note = true});
  } else if (*port.lanes == 1) {
    add(": one lane, where every port has four", false);
  } else if (port.rate.find("SDR") != std::string::npos) {
    add(", the slowest that there is, which ports fall back to", true);
  }
}

// Errors of one kind among packets: a failure, or single ones.
class ErrorShare {
 public:
  ErrorShare(const NetworkEvidence& network, const PortCounters& counters, std::string of, Findings* findings)
      : network_(network), counters_(counters), of_(std::move(of)), findings_(findings) {}

  // 10 and more, and more than one in a million: a cable that is in order has one in ten million frames of 1.5 kB at
  // most (IEEE 802.3: 10^-12 of the bits).
  void Count(uint64_t errors, uint64_t packets, const std::string& what, const char* advice) {
    if (errors == 0) return;
    constexpr uint64_t kLeast = 10;
    constexpr uint64_t kOfThese = 1000000;
    const bool fails = errors >= kLeast && errors > packets / kOfThese;
    Add(fmt::format("{} {} (of {} packets)", errors, what, packets), advice, !fails);
  }
  void Add(const std::string& what, const char* advice, bool note) {
    findings_->push_back({.found = fmt::format("{} counts {}", of_, what),
                          .where = network_.At(counters_.line),
                          .advice = advice,
                          .note = note});
  }

 private:
  const NetworkEvidence& network_;
  const PortCounters& counters_;
  std::string of_;
  Findings* findings_;
};

// ": rx_crc_errors 3, rx_frame_errors 1", of those that are not 0.
std::string ByKind(const PortCounters& counters, const std::vector<std::string_view>& kinds) {
  std::vector<std::string> known;
  for (const std::string_view kind : kinds) {
    if (counters.Of(kind) > 0) known.push_back(fmt::format("{} {}", kind, counters.Of(kind)));
  }
  return known.empty() ? std::string() : fmt::format(": {}", fmt::join(known, ", "));
}

// What counts as what: struct rtnl_link_stats64, include/uapi/linux/if_link.h.
void AddInterfaceErrors(const NetworkEvidence& network, const NetworkInterface& one, const std::string& name,
                        Findings* findings) {
  const PortCounters& counters = one.counters;
  ErrorShare share(network, counters, InterfaceName(one, name), findings);
  // Frames of a length that is not this interface's are well received, and the sender's fault.
  const uint64_t received =
      counters.Of("rx_errors") - std::min(counters.Of("rx_errors"), counters.Of("rx_length_errors"));
  share.Count(received, counters.Of("rx_packets"),
              "bad packets received" + ByKind(counters, {"rx_crc_errors", "rx_frame_errors", "rx_over_errors"}),
              kLookAtItsCable);
  share.Count(
      counters.Of("tx_errors"), counters.Of("tx_packets"),
      "packets that could not be sent" + ByKind(counters, {"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors",
                                                           "tx_heartbeat_errors", "tx_window_errors"}),
      kLookAtItsCable);
  constexpr uint64_t kOneInAThousand = 1000;
  const uint64_t missed = counters.Of("rx_missed_errors") + counters.Of("rx_fifo_errors");
  if (missed > counters.Of("rx_packets") / kOneInAThousand) {
    share.Add(fmt::format("{} packets that there was no room for", missed),
              "The node takes them too slowly: look at its load, and at the size of the card's rings (ethtool -g).",
              true);
  }
  constexpr uint64_t kManyChanges = 10;
  if (one.carrier_changes >= kManyChanges) {
    findings->push_back({.found = fmt::format("{}: its link went up or down {} times since its driver was loaded",
                                              InterfaceName(one, name), one.carrier_changes),
                         .where = network.At(one.carrier_changes_line),
                         .advice = kLookAtItsCable,
                         .note = true});
  }
}

// InfiniBand Architecture Specification 1.4, 16.1.3.5: PortCounters. They outlive a reboot and stay at their highest
// value, so but for one that is set against packets they are notes.
void AddPortErrors(const NetworkEvidence& network, const InfinibandPort& port, const std::string& name,
                   Findings* findings) {
  struct CountedEvent {
    const char* counter;
    const char* meaning;
  };
  constexpr std::array<CountedEvent, 5> kEvents = {{
      {"symbol_error", "symbol errors on its lanes"},
      {"link_error_recovery", "times that its link had to recover"},
      {"link_downed", "times that its link went down"},
      {"local_link_integrity_errors", "times that local errors went over their threshold"},
      {"excessive_buffer_overrun_errors", "times that its buffer was overrun"},
  }};
  ErrorShare share(network, port.counters, PortName(port, name), findings);
  share.Count(port.counters.Of("port_rcv_errors"), port.counters.Of("port_rcv_packets"), "bad packets received",
              kLookAtItsCable);
  for (const CountedEvent& kind : kEvents) {
    const uint64_t count = port.counters.Of(kind.counter);
    if (count == 0) continue;
    share.Add(fmt::format("{} {} ({})", count, kind.meaning, kind.counter),
              "They may be old: set them to 0 (perfquery -R), and watch whether they grow.", true);
  }
}

}  // namespace

Findings MissingInterfaceProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name) {
  const NetworkFunction* const function = network.FindFunction(address);
  if (function == nullptr) {
    return {{.found = fmt::format("{} is at {} in the node, where no network controller is", name, address.ToString()),
             .where = network.At(network.last_line),
             .advice = "Compare device_type in the cluster file with lspci on the host."}};
  }
  Findings findings;
  const auto add = [&](const std::string& what, const std::string& advice, bool note) {
    findings.push_back({.found = fmt::format("{} {}", name, what),
                        .where = network.At(function->line),
                        .advice = advice,
                        .note = note});
  };
  if (function->driver == "none") {
    add("has no driver in the node, and so no interface", kLookForItsDriver, false);
  } else if (IsForPrograms(function->driver)) {
    add(fmt::format("is bound to {}, with which programs drive it, not the kernel", function->driver),
        "Nothing else of it was checked.", true);
  } else if (function->interfaces + function->infiniband_ports == 0) {
    add(fmt::format("has no interface, though {} is bound to it", function->driver), kLookForItsDriver, false);
  }
  for (const NetworkInterface* const one : network.InterfacesOf(address)) {
    AddAddressProblems(network, *one, name, &findings);
  }
  return findings;
}

Findings NetworkLinkProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name) {
  Findings findings;
  const bool any = AnyHasLink(network, address);
  for (const NetworkInterface* const one : network.InterfacesOf(address)) {
    if (HasItsOwnLink(*one)) AddCarrierProblems(network, *one, name, any, &findings);
  }
  for (const InfinibandPort* const port : network.InfinibandPortsOf(address)) {
    AddPortProblems(network, *port, name, any, &findings);
  }
  return findings;
}

Findings NetworkSpeedProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name) {
  if (!AnyHasLink(network, address)) {
    return {{.found = name + " has no link that is known, and so no speed",
             .where = network.path,
             .advice = "It was not checked.",
             .note = true}};
  }
  Findings findings;
  for (const NetworkInterface* const one : network.InterfacesOf(address)) {
    if (HasItsOwnLink(*one) && HasLink(*one)) AddSpeedProblems(network, *one, name, &findings);
  }
  for (const InfinibandPort* const port : network.InfinibandPortsOf(address)) {
    AddRateProblems(network, *port, name, &findings);
  }
  return findings;
}

Findings NetworkErrorProblems(const NetworkEvidence& network, const PciAddress& address, const std::string& name) {
  Findings findings;
  for (const NetworkInterface* const one : network.InterfacesOf(address)) {
    if (!one->represents_another) AddInterfaceErrors(network, *one, name, &findings);
  }
  for (const InfinibandPort* const port : network.InfinibandPortsOf(address)) {
    AddPortErrors(network, *port, name, &findings);
  }
  return findings;
}

}  // namespace passthrough
