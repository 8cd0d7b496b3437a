// The project's own sources as text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

struct SourceFile {
  std::string name;  // from the project's directory
  std::string text;
};

// All C and C++ files of helpers/, fixtures/, suites/, lab/ and remote/.
std::vector<SourceFile> ProgramSources();

// Their text and that of the project's scripts, with string literals that follow each other joined.
std::string AllLiterals();

// `text` with comments taken out.
std::string WithoutComments(const std::string& text);

}  // namespace passthrough
