// An IPv4 network such as 192.168.140.0/24, and the addresses in it that have a meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace passthrough {

// Reads "a.b.c.d", decimal without leading zeros; nullopt for anything else. Host byte order.
std::optional<uint32_t> ParseIpv4(std::string_view text);

// "a.b.c.d"
std::string Ipv4ToString(uint32_t address);

struct Ipv4Subnet {
  uint32_t network = 0;  // host byte order; the host part is 0
  int prefix_length = 24;

  // Reads "a.b.c.d/n" with n from 0 to 32. The host part need not be 0: `network` keeps it, so that
  // a caller can tell. nullopt for anything else.
  static std::optional<Ipv4Subnet> Parse(std::string_view text);

  uint32_t Mask() const;
  uint32_t Broadcast() const { return network | ~Mask(); }
  // The host's own address: the first one, as ai-how has it.
  uint32_t Gateway() const { return (network & Mask()) + 1; }
  bool Contains(uint32_t address) const { return (address & Mask()) == (network & Mask()); }
  bool Overlaps(const Ipv4Subnet& other) const;
  // "a.b.c.d/n"
  std::string ToString() const;

  bool operator==(const Ipv4Subnet&) const = default;
};

}  // namespace passthrough
