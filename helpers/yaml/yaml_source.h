// The text of a YAML file: read, bounded, checked, and able to say where a byte of it is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/yaml/config_error.h"

namespace passthrough {

class YamlSource {
 public:
  // Reads at most 1 MiB. Throws ConfigError where the file cannot be read, or is not UTF-8 text
  // without control characters. A byte order mark is dropped.
  explicit YamlSource(const std::filesystem::path& path);
  YamlSource(const YamlSource&) = delete;  // lines point into the text
  YamlSource& operator=(const YamlSource&) = delete;

  const std::string& file() const { return file_; }
  const std::string& text() const { return text_; }

  // A position as yaml-cpp counts it: line and column from 0, columns in bytes. Negative counts as
  // 0.
  SourcePosition Position(int line, int column) const;
  // Whether a quote stands there, counted in the same way, that its line does not close.
  bool OpensQuote(int line, int column) const;
  // Whether a tab is among the blanks that the line begins with.
  bool HasTabInIndent(int line) const;

  [[noreturn]] void Fail(SourcePosition where, std::string message) const;
  // Fails with the file as a whole.
  [[noreturn]] void Fail(std::string message) const;

 private:
  // Empty where there is no such line.
  std::string_view Line(int line) const;
  void RequirePlainText() const;

  std::string file_;
  std::string text_;
  std::vector<std::string_view> lines_;
};

}  // namespace passthrough
