#include "helpers/health/log_devices.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace passthrough {
namespace {

bool IsHex(char one) { return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'f') || (one >= 'A' && one <= 'F'); }

size_t HexDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsHex(text[count])) ++count;
  return count;
}

struct Found {
  PciAddress address;
  size_t size = 0;
};

// "…:bb:dd.f" of which `size` characters are the address; `text` is what PciAddress::Parse reads.
std::optional<Found> Parsed(const std::string& text, size_t size) {
  const auto address = PciAddress::Parse(text);
  if (!address) return std::nullopt;
  return Found{*address, size};
}

// An address that begins where `text` does, with a domain.
std::optional<Found> WithDomain(std::string_view text) {
  const size_t domain = HexDigits(text);
  if (domain < 4 || domain > 8 || text.size() < domain + 6) return std::nullopt;
  const std::string_view rest = text.substr(domain);  // ":bb:dd.f", ":bb:dd"
  if (rest[0] != ':' || HexDigits(rest.substr(1)) != 2 || rest[3] != ':' || HexDigits(rest.substr(4)) != 2) {
    return std::nullopt;
  }
  if (rest.size() >= 8 && rest[6] == '.' && HexDigits(rest.substr(7)) == 1) {
    return Parsed(std::string(text.substr(0, domain + 8)), domain + 8);
  }
  if (rest.size() > 6 && (rest[6] == ':' || rest[6] == '.')) return std::nullopt;  // of a longer number
  return Parsed(std::string(text.substr(0, domain + 6)) + ".0", domain + 6);
}

// The same without one: "01:00.0", "0x01:0x00.0".
std::optional<Found> WithoutDomain(std::string_view text) {
  std::string plain = "0000:";
  size_t at = 0;
  for (const char end : {':', '.'}) {
    if (text.substr(at).starts_with("0x")) at += 2;
    if (HexDigits(text.substr(at)) != 2 || text.size() <= at + 3 || text[at + 2] != end) return std::nullopt;
    plain += text.substr(at, 3);
    at += 3;
  }
  if (HexDigits(text.substr(at)) != 1) return std::nullopt;
  return Parsed(plain + text[at], at + 1);
}

// Which of two says more of a line that names both.
int Rank(LineOwner owner) {
  constexpr std::array kOrder{LineOwner::kOther, LineOwner::kUnknown, LineOwner::kBridge, LineOwner::kCompanion,
                              LineOwner::kPlanned};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), owner) - kOrder.begin());
}

}  // namespace

std::vector<PciAddress> PciAddressesIn(std::string_view text) {
  std::vector<PciAddress> addresses;
  for (size_t at = 0; at < text.size(); ++at) {
    const char before = at == 0 ? ' ' : text[at - 1];
    if (!IsHex(text[at]) || IsHex(before) || before == '.') continue;
    std::optional<Found> found = WithDomain(text.substr(at));
    // "12:34:56.7" is a time of day, "0000:" a domain.
    if (!found && before != ':') found = WithoutDomain(text.substr(at));
    if (!found) continue;
    addresses.push_back(found->address);
    at += found->size - 1;
  }
  return addresses;
}

LineOwner LogDevices::OwnerOf(const PciAddress& address) const {
  if (pci_ == nullptr) return LineOwner::kUnknown;
  const auto is_planned = [&](const auto& fits) {
    return std::any_of(planned_.begin(), planned_.end(), [&](const PciFunction* one) { return fits(*one); });
  };
  if (is_planned([&](const PciFunction& one) { return one.address == address; })) return LineOwner::kPlanned;
  if (is_planned([&](const PciFunction& one) { return one.address.SameDevice(address); })) return LineOwner::kCompanion;
  const auto is_above = [&](const PciFunction& one) {
    // Bounded by how deep a bus can be.
    const PciFunction* above = &one;
    for (int depth = 0; depth < 32 && above != nullptr && above->parent; ++depth) {
      if (*above->parent == address) return true;
      above = pci_->Find(*above->parent);
    }
    return false;
  };
  if (is_planned(is_above)) return LineOwner::kBridge;
  const PciFunction* found = pci_->Find(address);
  if (found == nullptr) return LineOwner::kUnknown;
  // libvirt gives each function of a card a slot of its own, unless the domain's XML says multifunction.
  constexpr uint8_t kDisplay = 0x03;
  const bool of_gpus_maker =
      is_planned([&](const PciFunction& one) { return one.vendor == found->vendor && one.BaseClass() == kDisplay; });
  return of_gpus_maker ? LineOwner::kCompanion : LineOwner::kOther;
}

LineOwner LogDevices::OwnerOf(std::string_view line) const {
  LineOwner owner = LineOwner::kOther;
  const std::vector<PciAddress> addresses = PciAddressesIn(line);
  for (const PciAddress& address : addresses) {
    const LineOwner one = OwnerOf(address);
    if (Rank(one) > Rank(owner)) owner = one;
  }
  return addresses.empty() ? LineOwner::kUnknown : owner;
}

bool LogDevices::HasAnotherDriver(std::string_view line) const {
  for (const PciAddress& address : PciAddressesIn(line)) {
    const PciFunction* function = pci_ == nullptr ? nullptr : pci_->Find(address);
    if (function == nullptr || function->driver.empty()) continue;
    if (line.find(function->driver) == std::string_view::npos) return true;
  }
  return false;
}

LineOwner LogDevices::OwnerOfClass(uint32_t class_code, uint32_t mask) const {
  const bool has_planned = std::any_of(planned_.begin(), planned_.end(),
                                       [&](const PciFunction* one) { return (one->class_code & mask) == class_code; });
  return has_planned ? LineOwner::kPlanned : LineOwner::kUnknown;
}

}  // namespace passthrough
