#include "tests/docs/source_files.h"

#include <algorithm>
#include <regex>

#include "helpers/base/files.h"

namespace passthrough {

namespace fs = std::filesystem;

std::vector<SourceFile> ProgramSources() {
  const fs::path source = PASSTHROUGH_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* folder : {"helpers", "fixtures", "suites", "lab", "remote"}) {
    for (const auto& entry : fs::recursive_directory_iterator(source / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h" && extension != ".c") continue;
      files.push_back({entry.path().lexically_relative(source).string(), ReadFile(entry.path())});
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

std::string AllLiterals() {
  std::string all;
  for (const SourceFile& file : ProgramSources()) all += file.text;
  const fs::path source = PASSTHROUGH_SOURCE_DIR;
  for (const char* script : {"run-suite.sh", "run-tests.sh", "cmake/setup.sh"}) all += ReadFile(source / script);
  return std::regex_replace(all, std::regex("\"\\s*\n\\s*\""), "");
}

std::string WithoutComments(const std::string& text) {
  std::string rest = std::regex_replace(text, std::regex("(^|[^:\"])//[^\n]*"), "$1");
  std::string code;
  for (size_t begin = 0; begin < rest.size();) {  // a regex over a long /* … */ overflows the stack
    const size_t open = std::min(rest.find("/*", begin), rest.size());
    code += rest.substr(begin, open - begin);
    const size_t close = open < rest.size() ? rest.find("*/", open) : std::string::npos;
    begin = close == std::string::npos ? rest.size() : close + 2;
  }
  return code;
}

}  // namespace passthrough
