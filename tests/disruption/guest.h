// A running domain for tests of unplugging.
#pragma once

#include <fmt/format.h>

#include <csignal>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/interruption.h"
#include "helpers/base/pci_address.h"
#include "helpers/disruption/live_domain.h"

namespace passthrough {

inline const PciAddress kFirst = PciAddress::Parse("0000:01:00.0").value();
inline const PciAddress kSecond = PciAddress::Parse("0000:02:00.0").value();

inline constexpr char kGuestUuid[] = "dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566";

inline std::string Hostdev(int bus) {
  return fmt::format(
      "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x{:02x}' slot='0x00' "
      "function='0x0'/></source><address type='pci' domain='0x0000' bus='0x{:02x}' slot='0x00' function='0x0'/>"
      "</hostdev>",
      bus, bus + 4);
}

inline int BusOf(const std::string& hostdev) { return hostdev.find("bus=\"0x01\"") != std::string::npos ? 1 : 2; }

// A domain with two GPUs, whose guest lets them go after it was looked at `patience` times more. libvirt's test
// driver cannot unplug.
class Guest : public LiveDomain {
 public:
  std::string name() const override { return "d"; }
  std::string uri() const override { return "test:///x"; }
  std::optional<std::string> State(const Deadline&) override { return state; }
  std::string Xml(const Deadline&) override {
    ++looks;
    if (is_cut_off) throw LibvirtError("client socket is closed");
    if (leaving_ != 0 && patience-- <= 0) {
      buses.erase(leaving_);
      leaving_ = 0;
    }
    return XmlWith(buses, fmt::format(" id='{}'", id));
  }
  std::optional<std::string> Definition(const Deadline&) override {
    if (!definition) return std::nullopt;
    return XmlWith(*definition, "");
  }
  void Detach(const std::string& xml, const Deadline&) override {
    ++detached;
    if (!refusal.empty()) throw LibvirtError(refusal);
    leaving_ = BusOf(xml);
    changes.push_back("-" + std::to_string(leaving_));
    if (interrupt_at_detach) RequestInterruption(SIGINT);
  }
  void Attach(const std::string& xml, const Deadline&) override {
    if (attach_failures-- > 0) throw Error("the host is busy");
    buses.insert(BusOf(xml));
    changes.push_back("+" + std::to_string(BusOf(xml)));
    ++attached;
  }
  std::vector<LibvirtConnection::Address> Addresses(const Deadline&) override { return addresses; }
  std::optional<std::string> ConsoleLog(size_t, const Deadline&) override { return console; }

  int patience = 0;
  int attach_failures = 0;
  bool interrupt_at_detach = false;
  std::string refusal;  // of libvirt, to detach
  bool is_cut_off = false;
  std::set<int> buses{1, 2};
  std::optional<std::set<int>> definition = buses;  // nullopt: it is transient
  std::optional<std::string> state = "running";     // nullopt: it is gone
  int id = 3;
  std::string uuid = kGuestUuid;
  std::vector<LibvirtConnection::Address> addresses;
  std::optional<std::string> console;
  std::vector<std::string> changes;  // "-1": the function of bus 1 was detached; "+1": it was attached
  int attached = 0;
  int detached = 0;
  int looks = 0;

 private:
  std::string XmlWith(const std::set<int>& gpus, const std::string& attributes) const {
    std::string devices;
    for (const int bus : gpus) devices += Hostdev(bus);
    return fmt::format("<domain{}><name>d</name><uuid>{}</uuid><devices>{}</devices></domain>", attributes, uuid,
                       devices);
  }
  int leaving_ = 0;
};

}  // namespace passthrough
