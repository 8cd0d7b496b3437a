#include "helpers/base/pci_address.h"

#include <fmt/format.h>

#include <charconv>
#include <ostream>

namespace passthrough {
namespace {

// Reads `digits` hex digits as a whole; nullopt where there is anything else or too large a value.
std::optional<uint32_t> ParseHex(std::string_view digits, uint32_t largest) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || value > largest) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<PciAddress> PciAddress::Parse(std::string_view text) {
  const size_t domain_digits = text.find(':');
  if (domain_digits == std::string_view::npos || domain_digits < 4 || domain_digits > 8) return std::nullopt;
  const std::string_view rest = text.substr(domain_digits);  // ":bb:dd.f"
  if (rest.size() != 8 || rest[3] != ':' || rest[6] != '.') return std::nullopt;
  const auto domain = ParseHex(text.substr(0, domain_digits), 0xffffffff);
  const auto bus = ParseHex(rest.substr(1, 2), 0xff);
  const auto device = ParseHex(rest.substr(4, 2), 0x1f);
  const auto function = ParseHex(rest.substr(7, 1), 7);
  if (!domain || !bus || !device || !function) return std::nullopt;
  return PciAddress{*domain, static_cast<uint8_t>(*bus), static_cast<uint8_t>(*device),
                    static_cast<uint8_t>(*function)};
}

std::string PciAddress::ToString() const {
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, device, function);
}

std::ostream& operator<<(std::ostream& out, const PciAddress& address) { return out << address.ToString(); }

}  // namespace passthrough
