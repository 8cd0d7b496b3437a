#include "helpers/config/placeholders.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr std::array<std::string_view, 7> kKnown = {"clusters", "config", "lab", "lab_dir", "libvirt", "run", "source"};

std::string FaultOf(std::string_view name) {
  if (std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end()) {
    return fmt::format("has the placeholder {{{}}}, which has no value in this run", name);
  }
  return fmt::format("has the unknown placeholder {{{}}}; known are {{{}}}, and \"{{{{\" for a brace",
                     Printable(name.substr(0, 40)), fmt::join(kKnown, "}, {"));
}

}  // namespace

std::string FillPlaceholders(std::string_view text, const Placeholders& values, std::string* fault) {
  std::string filled;
  while (!text.empty()) {
    const size_t brace = text.find_first_of("{}");
    filled += text.substr(0, brace);
    if (brace == std::string_view::npos) break;
    text.remove_prefix(brace);
    if (text.starts_with("{{") || text.starts_with("}}") || text[0] == '}') {
      filled += text[0];
      text.remove_prefix(text.size() > 1 && text[1] == text[0] ? 2 : 1);
      continue;
    }
    const size_t end = text.find('}');
    if (end == std::string_view::npos) {
      *fault = "has a \"{\" that is not closed; a placeholder is written {config}, a brace \"{{\"";
      return "";
    }
    const std::string name(text.substr(1, end - 1));
    const auto value = values.find(name);
    const bool known = std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
    if (!known || value == values.end()) {
      *fault = FaultOf(name);
      return "";
    }
    filled += value->second;
    text.remove_prefix(end + 1);
  }
  return filled;
}

}  // namespace passthrough
