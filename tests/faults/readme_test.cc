// What the pages show a contributor is code of the tree: each block of code below a comment that names a file
// stands in that file, but for indentation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

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

// README.md and docs/*.md.
std::vector<std::filesystem::path> Pages(const std::filesystem::path& source) {
  std::vector<std::filesystem::path> pages{source / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(source / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  return pages;
}

TEST(PagesTest, TheirExamplesAreInTheTree) {
  const std::filesystem::path source = PASSTHROUGH_SOURCE_DIR;
  size_t examples = 0;
  for (const std::filesystem::path& page : Pages(source)) {
    for (const Excerpt& excerpt : ExcerptsOf(ReadFile(page))) {
      ++examples;
      EXPECT_FALSE(excerpt.code.empty()) << page << ", " << excerpt.file;
      EXPECT_THAT(WithoutIndentation(ReadFile(source / excerpt.file)),
                  testing::HasSubstr(WithoutIndentation(excerpt.code)))
          << page << " shows it as of " << excerpt.file;
    }
  }
  EXPECT_GT(examples, 0u) << "no page marks an example: <!-- FILE --> above a block of code";
}

}  // namespace
}  // namespace passthrough
