// Names of probes and nodes: from small alphabets, because they become parts of paths and commands.
#pragma once

#include <string_view>

namespace passthrough {

// Lower-case letters, digits and '_', at most 64.
inline bool IsProbeName(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

// Letters, digits, '_' and '-', at most 128.
inline bool IsNodeName(std::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789_-") == std::string_view::npos;
}

}  // namespace passthrough
