// Placeholders such as {config} in the strings of a profile.
#pragma once

#include <string>
#include <string_view>

#include "helpers/config/profile.h"

namespace passthrough {

// `text` with its placeholders replaced. Where that cannot be, an empty string, and *fault says
// why: "has the placeholder {confg}; known are {config}, …".
std::string FillPlaceholders(std::string_view text, const Placeholders& values, std::string* fault);

}  // namespace passthrough
