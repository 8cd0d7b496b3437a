#include "tests/parsers/captures.h"

#include <algorithm>
#include <cstdlib>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

std::filesystem::path Folder() {
  const char* path = getenv("PASSTHROUGH_CAPTURES");
  if (path != nullptr && *path != '\0') return path;
  return std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "../shared/captures";
}

}  // namespace

std::vector<std::filesystem::path> CaptureFiles(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(Folder() / folder, error)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string NoCaptures() { return "there are no captures in " + Folder().string() + "; set PASSTHROUGH_CAPTURES"; }

// A section begins with "# $ COMMAND" between lines of '#'.
std::map<std::string, std::string> CaptureSections(const std::string& text) {
  std::map<std::string, std::string> sections;
  std::string* section = nullptr;
  for (std::string_view line : SplitLines(text)) {
    if (line.starts_with("# $ ")) {
      section = &sections[std::string(Trim(line.substr(4)))];
      section->clear();
    } else if (section != nullptr && !line.starts_with("##########") && line.find(" :: ") == std::string_view::npos) {
      *section += std::string(line) + "\n";
    }
  }
  return sections;
}

}  // namespace passthrough
