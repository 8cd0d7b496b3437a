// What an unquoted word means to ai-how, which reads YAML 1.1: "yes", "0x10" and "1:30" are no
// text.
#pragma once

#include <string_view>

namespace passthrough {

enum class PlainScalar { kText, kNull, kBool, kNumber, kDate };

// What YAML 1.1 makes of `text` written without quotes (https://yaml.org/type/).
PlainScalar ResolvePlainScalar(std::string_view text);

// "a number", "true or false", …
std::string_view ToString(PlainScalar kind);

// Whether a word of kBool means true.
bool IsTrueWord(std::string_view text);

}  // namespace passthrough
