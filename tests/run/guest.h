// A running domain for tests of unplugging.
#pragma once

#include <fmt/format.h>

#include <csignal>
#include <optional>
#include <set>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/interruption.h"
#include "helpers/base/pci_address.h"
#include "helpers/run/unplugged_gpus.h"

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
class Guest {
 public:
  LiveDomain Domain() {
    return {.name = "d",
            .uri = "test:///x",
            .xml = [this](const Deadline&) { return Xml(); },
            .definition = [this](const Deadline&) -> std::optional<std::string> {
              if (!definition) return std::nullopt;
              return XmlWith(*definition, "");
            },
            .detach = [this](const std::string& xml, const Deadline&) { Detach(xml); },
            .attach = [this](const std::string& xml, const Deadline&) { Attach(xml); }};
  }
  int patience = 0;
  int attach_failures = 0;
  bool interrupt_at_detach = false;
  std::string refusal;  // of libvirt, to detach
  bool is_cut_off = false;
  std::set<int> buses{1, 2};
  std::optional<std::set<int>> definition = buses;  // nullopt: it is transient
  int id = 3;
  std::string uuid = kGuestUuid;
  int attached = 0;
  int detached = 0;
  int looks = 0;

 private:
  std::string Xml() {
    ++looks;
    if (is_cut_off) throw LibvirtError("client socket is closed");
    if (leaving_ != 0 && patience-- <= 0) {
      buses.erase(leaving_);
      leaving_ = 0;
    }
    return XmlWith(buses, fmt::format(" id='{}'", id));
  }
  std::string XmlWith(const std::set<int>& gpus, const std::string& attributes) const {
    std::string devices;
    for (const int bus : gpus) devices += Hostdev(bus);
    return fmt::format("<domain{}><name>d</name><uuid>{}</uuid><devices>{}</devices></domain>", attributes, uuid,
                       devices);
  }
  void Detach(const std::string& xml) {
    ++detached;
    if (!refusal.empty()) throw LibvirtError(refusal);
    leaving_ = BusOf(xml);
    if (interrupt_at_detach) RequestInterruption(SIGINT);
  }
  void Attach(const std::string& xml) {
    if (attach_failures-- > 0) throw Error("the host is busy");
    buses.insert(BusOf(xml));
    ++attached;
  }
  int leaving_ = 0;
};

}  // namespace passthrough
