// A file with the given text for as long as a test needs it, and what a reader says about it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "helpers/base/files.h"
#include "helpers/yaml/config_error.h"

namespace passthrough {

class TestFile {
 public:
  explicit TestFile(std::string_view text, std::string_view name = "file.yaml")
      : directory_("config-test"), path_(directory_.path() / name) {
    WriteFile(path_, text);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryDirectory directory_;
  std::filesystem::path path_;
};

// All problems that `read()` throws, a line each, with `path` written as "FILE"; empty if it does
// not.
template <typename Read>
std::string ProblemsOf(const std::filesystem::path& path, Read read) {
  try {
    read();
    return "";
  } catch (const ConfigError& error) {
    std::string text = error.what();
    const std::string name = path.string();
    constexpr std::string_view kFile = "FILE";
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), kFile);
      at += kFile.size();
    }
    return text + "\n";
  }
}

}  // namespace passthrough
