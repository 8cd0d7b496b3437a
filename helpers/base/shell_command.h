// Commands that messages advise: whoever reads one pastes it into a shell as it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

// `word` as a POSIX shell takes it for one word: in single quotes where it holds anything that a shell minds.
std::string ShellWord(std::string_view word);

// `words` as one command.
std::string ShellCommand(const std::vector<std::string>& words);

// A command of this project's, with the absolute path of its program: neither is in PATH, and who reads a report
// or ctest's output is in another directory than the one that this process was started in. The program is the one
// beside the running one; where there is none, its name alone.
std::string SuiteCommand(const std::vector<std::string>& arguments);  // passthrough-suite
std::string LabCommand(const std::vector<std::string>& arguments);    // passthrough-lab

}  // namespace passthrough
