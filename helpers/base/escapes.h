// Escape sequences of terminals in the output of other programs.
#pragma once

#include <string>
#include <string_view>

namespace passthrough {

// `text` without the escape sequences that colour it or move a cursor: ESC with what belongs to it by ECMA-48 (5.3,
// 5.4: control sequences; 5.6: strings, such as titles and links, up to BEL or ST). What is no such sequence stays.
std::string WithoutEscapes(std::string_view text);

}  // namespace passthrough
