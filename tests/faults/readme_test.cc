// What the README shows a contributor is code of the tree: each block of code below a comment that names a file
// stands in that file, but for indentation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

std::string WithoutIndentation(std::string_view text) {
  std::string result;
  for (const std::string_view line : SplitLines(text)) result += std::string(Trim(line)) + "\n";
  return result;
}

struct Excerpt {
  std::string file;
  std::string code;
};

std::vector<Excerpt> ExcerptsOf(const std::string& markdown) {
  std::vector<Excerpt> excerpts;
  bool in_code = false;
  for (const std::string_view line : SplitLines(markdown)) {
    if (line.starts_with("<!-- ") && line.ends_with(" -->")) {
      excerpts.push_back({std::string(line.substr(5, line.size() - 9)), ""});
    } else if (line.starts_with("```")) {
      in_code = !in_code && !excerpts.empty() && excerpts.back().code.empty();
    } else if (in_code) {
      excerpts.back().code += std::string(line) + "\n";
    }
  }
  return excerpts;
}

TEST(ReadmeTest, ItsExamplesAreInTheTree) {
  const std::filesystem::path source = PASSTHROUGH_SOURCE_DIR;
  const auto excerpts = ExcerptsOf(ReadFile(source / "README.md"));
  EXPECT_GE(excerpts.size(), 3u) << "a check, a line of a probe, a fault";
  for (const Excerpt& excerpt : excerpts) {
    EXPECT_FALSE(excerpt.code.empty()) << excerpt.file;
    EXPECT_THAT(WithoutIndentation(ReadFile(source / excerpt.file)),
                testing::HasSubstr(WithoutIndentation(excerpt.code)))
        << "the README shows it as of " << excerpt.file;
  }
}

}  // namespace
}  // namespace passthrough
