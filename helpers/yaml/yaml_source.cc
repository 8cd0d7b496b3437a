#include "helpers/yaml/yaml_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostBytes = 1u << 20;
constexpr size_t kMostLineBytes = 4096;  // finding a column takes as long as its line

std::string ReadText(const std::filesystem::path& path) {
  try {
    std::string text = ReadFile(path, kMostBytes);
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    return text;
  } catch (const Error& error) {
    std::string_view reason = error.what();  // "cannot read PATH: REASON"
    const size_t named = reason.find(path.string());
    if (named != std::string_view::npos) reason.remove_prefix(named + path.string().size());
    throw ConfigError({{{path.string(), 0, 0}, "", fmt::format("cannot be read{}", reason)}});
  }
}

}  // namespace

YamlSource::YamlSource(const std::filesystem::path& path)
    : file_(path.string()), text_(ReadText(path)), lines_(SplitLines(text_)) {
  RequirePlainText();
}

std::string_view YamlSource::Line(int line) const {
  const bool exists = line >= 0 && static_cast<size_t>(line) < lines_.size();
  return exists ? lines_[static_cast<size_t>(line)] : std::string_view();
}

SourcePosition YamlSource::Position(int line, int column) const {
  line = std::max(line, 0);
  column = std::max(column, 0);
  const std::string_view before = Line(line).substr(0, static_cast<size_t>(column));
  const auto continuations = std::count_if(before.begin(), before.end(),
                                           [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; });
  return {file_, line + 1, column + 1 - static_cast<int>(continuations)};
}

bool YamlSource::OpensQuote(int line, int column) const {
  const std::string_view text = Line(line);
  const size_t at = static_cast<size_t>(std::max(column, 0));
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return false;
  return text.find(text[at], at + 1) == std::string_view::npos;
}

bool YamlSource::HasTabInIndent(int line) const {
  const std::string_view text = Line(line);
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

void YamlSource::Fail(SourcePosition where, std::string message) const {
  throw ConfigError({{std::move(where), "", std::move(message)}});
}

void YamlSource::Fail(std::string message) const { Fail({file_, 0, 0}, std::move(message)); }

// yaml-cpp ends its input at a byte 0x04 and replaces bytes that are not UTF-8, both without a
// word.
void YamlSource::RequirePlainText() const {
  for (size_t i = 0; i < lines_.size(); ++i) {
    const std::string_view line = lines_[i];
    if (line.size() > kMostLineBytes) {
      Fail(Position(static_cast<int>(i), 0),
           fmt::format("is a line of {} bytes; must be at most {}", line.size(), kMostLineBytes));
    }
    const std::string printable = Printable(line);
    if (printable == line) continue;
    const auto [bad, ignored] = std::mismatch(line.begin(), line.end(), printable.begin(), printable.end());
    Fail(Position(static_cast<int>(i), static_cast<int>(bad - line.begin())),
         fmt::format("has the byte 0x{:02x}; must be UTF-8 text without control characters",
                     static_cast<unsigned char>(*bad)));
  }
}

}  // namespace passthrough
