// The word that somebody probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

// That of `known` which differs from `word` by the fewest letters changed, added, missing or swapped with their
// neighbour (optimal string alignment); empty if all differ by more than a third of it.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace passthrough
