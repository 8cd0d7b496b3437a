#include "helpers/base/short_hash.h"

#include <fmt/format.h>

#include <cstdint>

namespace passthrough {

std::string ShortHash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace passthrough
