#include "helpers/base/ipv4_subnet.h"

#include <fmt/format.h>

#include <charconv>

namespace passthrough {
namespace {

// A decimal number from 0 to `largest` without sign and leading zeros.
std::optional<uint32_t> ParseDecimal(std::string_view digits, uint32_t largest) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) {
    return std::nullopt;
  }
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > largest) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<uint32_t> ParseIpv4(std::string_view text) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t end = text.find('.');
    if ((end == std::string_view::npos) != (part == 3)) return std::nullopt;
    const auto value = ParseDecimal(text.substr(0, end), 255);
    if (!value) return std::nullopt;
    address = address << 8 | *value;
    if (part < 3) text.remove_prefix(end + 1);
  }
  return address;
}

std::string Ipv4ToString(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
}

std::optional<Ipv4Subnet> Ipv4Subnet::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto network = ParseIpv4(text.substr(0, slash));
  const auto prefix_length = ParseDecimal(text.substr(slash + 1), 32);
  if (!network || !prefix_length) return std::nullopt;
  return Ipv4Subnet{*network, static_cast<int>(*prefix_length)};
}

uint32_t Ipv4Subnet::Mask() const { return prefix_length == 0 ? 0 : ~uint32_t{0} << (32 - prefix_length); }

bool Ipv4Subnet::Overlaps(const Ipv4Subnet& other) const { return Contains(other.network) || other.Contains(network); }

std::string Ipv4Subnet::ToString() const { return fmt::format("{}/{}", Ipv4ToString(network), prefix_length); }

}  // namespace passthrough
