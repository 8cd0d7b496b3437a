// Small tools for text that may come from anywhere. Bytes in, bytes out; no locale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

// The lines of `text` without their ends ("\n" or "\r\n"); a last line without an end counts.
std::vector<std::string_view> SplitLines(std::string_view text);

// The words of `text`, split at runs of spaces and tabs.
std::vector<std::string_view> SplitWords(std::string_view text);

// Without white space at either end.
std::string_view Trim(std::string_view text);

// The same text with everything that could steer a terminal, break XML or reorder the words around it
// made visible: control characters but '\n' and '\t' become "\x1b", and so do bytes that are not valid
// UTF-8 and the bytes of characters that change the direction of writing.
std::string Printable(std::string_view text);

// The same in one line: line feeds become spaces.
std::string PrintableLine(std::string_view text);

// The first `most` bytes of a longer text, not cut inside a character, and how many more there are.
std::string Shortened(std::string_view text, size_t most);

// At most the last `count` lines, for the end of a log in a message.
std::string LastLines(std::string_view text, int count);

// "a, b and c"
std::string JoinForHumans(const std::vector<std::string>& items);

// 3.2 s, 1 min 4 s: as people read durations. `seconds` may be fractional.
std::string HumanSeconds(double seconds);

// "1 node", "2 nodes".
std::string Count(size_t number, std::string_view singular);

}  // namespace passthrough
