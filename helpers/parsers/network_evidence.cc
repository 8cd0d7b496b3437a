#include "helpers/parsers/network_evidence.h"

#include <fmt/format.h>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostPorts = 4096;  // a card may have 256 virtual functions, a node several cards

// "0000:05:00.0 mlx5_core 1 1"
NetworkFunction ReadNetworkFunction(const FactFile& file, const Fact& fact) {
  const auto words = SplitWords(fact.value);
  NetworkFunction function;
  function.line = fact.line;
  if (words.size() != 4 || !ReadWhole(words[2], &function.interfaces) ||
      !ReadWhole(words[3], &function.infiniband_ports)) {
    file.ThrowUnlike(fact, "\"address driver interfaces ports\"");
  }
  function.address = file.ToAddress(fact, words[0]);
  function.driver = words[1];
  return function;
}

// "rx_bytes=240 rx_packets=3"
PortCounters ReadCounters(const FactFile& file, const FactBlock& block) {
  const Fact& fact = file.Require(block, "counters");
  PortCounters counters{.line = fact.line, .values = {}};
  for (const std::string_view word : SplitWords(fact.value)) {
    const size_t sign = word.find('=');
    uint64_t value = 0;
    if (sign == std::string_view::npos || !ReadWhole(word.substr(sign + 1), &value)) {
      file.ThrowUnlike(fact, "\"name=number …\"");
    }
    counters.values[std::string(word.substr(0, sign))] = value;
  }
  return counters;
}

// The text of the fact, and its line where there is one.
std::string FindText(const FactBlock& block, std::string_view key, int* line) {
  const Fact* const fact = block.Find(key);
  if (fact == nullptr) return {};
  *line = fact->line;
  return fact->value;
}

std::optional<int> FindNumber(const FactFile& file, const FactBlock& block, std::string_view key, int64_t least,
                              int64_t most) {
  const Fact* const fact = block.Find(key);
  if (fact == nullptr) return std::nullopt;
  return static_cast<int>(file.ToInteger(*fact, least, most));
}

// SPEED_UNKNOWN is -1 (include/uapi/linux/ethtool.h); some drivers and old kernels have its 16 or 32 bits.
std::optional<int> ReadSpeed(const FactFile& file, const FactBlock& block, int* line) {
  const Fact* const fact = block.Find("speed");
  if (fact == nullptr) return std::nullopt;
  *line = fact->line;
  const int64_t speed = file.ToInteger(*fact, -1, UINT32_MAX);
  constexpr int64_t kUnknown16 = 0xffff;
  if (speed <= 0 || speed == kUnknown16 || speed > INT32_MAX) return std::nullopt;
  return static_cast<int>(speed);
}

// "p0" is a plug; "pf0vf1", "pf0sf88" and "c1pf0vf1" stand for what other functions have (Linux,
// Documentation/networking/devlink/devlink-port.rst).
bool IsRepresentor(const std::string& phys_port_name) { return phys_port_name.find("pf") != std::string::npos; }

NetworkInterface ReadInterface(const FactFile& file, const FactBlock& block, std::string_view name) {
  NetworkInterface one;
  one.line = block.line;
  one.name = name;
  const Fact& address = file.Require(block, "pci_address");
  one.address = file.ToAddress(address, address.value);
  one.link_type = static_cast<unsigned>(FindNumber(file, block, "link_type", 0, UINT16_MAX).value_or(1));
  one.up = (file.ToHex(file.Require(block, "flags"), UINT32_MAX) & 1) != 0;
  one.mac = FindText(block, "mac", &one.mac_line);
  one.mac_kind = FindNumber(file, block, "mac_kind", 0, UINT8_MAX);
  one.represents_another = IsRepresentor(block.Value("phys_port_name"));
  one.operstate = FindText(block, "operstate", &one.operstate_line);
  if (const Fact* const carrier = block.Find("carrier")) {
    one.carrier = file.ToInteger(*carrier, 0, 1) != 0;
    one.carrier_line = carrier->line;
  }
  one.speed = ReadSpeed(file, block, &one.speed_line);
  one.duplex = block.Value("duplex");
  one.mtu = FindNumber(file, block, "mtu", 0, INT32_MAX);
  if (const Fact* const changes = block.Find("carrier_changes")) {
    one.carrier_changes = static_cast<uint64_t>(file.ToInteger(*changes, 0, INT64_MAX));
    one.carrier_changes_line = changes->line;
  }
  one.supported_speed = FindNumber(file, block, "supported_speed", 1, INT32_MAX);
  one.partner_speed = FindNumber(file, block, "partner_speed", 1, INT32_MAX);
  one.firmware = block.Value("firmware");
  one.counters = ReadCounters(file, block);
  return one;
}

// The number before "X" in "100 Gb/sec (4X EDR)".
std::optional<int> LanesOf(std::string_view rate) {
  const size_t begin = rate.find('(');
  if (begin == std::string_view::npos) return std::nullopt;
  const size_t end = rate.find('X', begin);
  int lanes = 0;
  if (end == std::string_view::npos || !ReadWhole(rate.substr(begin + 1, end - begin - 1), &lanes)) return std::nullopt;
  return lanes;
}

InfinibandPort ReadInfinibandPort(const FactFile& file, const FactBlock& block, std::string_view device, int number) {
  InfinibandPort port;
  port.line = block.line;
  port.device = device;
  port.number = number;
  const Fact& address = file.Require(block, "pci_address");
  port.address = file.ToAddress(address, address.value);
  port.link_layer = block.Value("link_layer");
  // "4: ACTIVE"
  const Fact& state = file.Require(block, "state");
  const size_t colon = state.value.find(": ");
  if (colon == std::string::npos || !ReadWhole(std::string_view(state.value).substr(0, colon), &port.state)) {
    file.ThrowUnlike(state, "\"number: NAME\"");
  }
  port.state_name = state.value.substr(colon + 2);
  port.state_line = state.line;
  port.phys_state = block.Value("phys_state");
  port.rate = FindText(block, "rate", &port.rate_line);
  port.lanes = LanesOf(port.rate);
  if (const Fact* const lid = block.Find("lid")) {
    port.lid = file.ToHex(*lid, UINT32_MAX);
    port.lid_line = lid->line;
  }
  port.firmware = block.Value("firmware");
  port.netdev = block.Value("netdev");
  port.gids = FindNumber(file, block, "gids", 0, 16);
  port.counters = ReadCounters(file, block);
  return port;
}

}  // namespace

uint64_t PortCounters::Of(std::string_view name) const {
  const auto found = values.find(std::string(name));
  return found == values.end() ? 0 : found->second;
}

NetworkEvidence NetworkEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  const FactFile file = FactFile::Parse(text, path, kProbe, "port");
  NetworkEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  for (const Fact* const fact : file.head.FindAll("function")) {
    evidence.functions.push_back(ReadNetworkFunction(file, *fact));
  }
  if (file.blocks.size() > kMostPorts) {
    ThrowEvidenceError(file, file.last_line, fmt::format("{} ports", file.blocks.size()));
  }
  for (const FactBlock& block : file.blocks) {
    const Fact& head = block.facts.front();
    const auto words = SplitWords(head.value);
    int number = 0;
    if (words.size() == 2 && words[0] == "interface") {
      evidence.interfaces.push_back(ReadInterface(file, block, words[1]));
    } else if (words.size() == 3 && words[0] == "infiniband" && ReadWhole(words[2], &number)) {
      evidence.infiniband_ports.push_back(ReadInfinibandPort(file, block, words[1], number));
    } else {
      file.ThrowUnlike(head, "\"interface NAME\" or \"infiniband DEVICE PORT\"");
    }
  }
  return evidence;
}

const NetworkFunction* NetworkEvidence::FindFunction(const PciAddress& address) const {
  for (const NetworkFunction& one : functions) {
    if (one.address == address) return &one;
  }
  return nullptr;
}

const NetworkInterface* NetworkEvidence::FindInterface(std::string_view name) const {
  for (const NetworkInterface& one : interfaces) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::vector<const NetworkInterface*> NetworkEvidence::InterfacesOf(const PciAddress& address) const {
  std::vector<const NetworkInterface*> found;
  for (const NetworkInterface& one : interfaces) {
    if (one.address == address) found.push_back(&one);
  }
  return found;
}

std::vector<const InfinibandPort*> NetworkEvidence::InfinibandPortsOf(const PciAddress& address) const {
  std::vector<const InfinibandPort*> found;
  for (const InfinibandPort& one : infiniband_ports) {
    if (one.address == address) found.push_back(&one);
  }
  return found;
}

}  // namespace passthrough
