// A name for a text that is too long for one.
#pragma once

#include <string>
#include <string_view>

namespace passthrough {

// 16 hexadecimal digits (FNV-1a, 64 bits; RFC 9923): the same on every machine, in every build and version, unlike
// std::hash. For names of files on disk. Not for texts that somebody could choose so that two have one name.
std::string ShortHash(std::string_view text);

}  // namespace passthrough
