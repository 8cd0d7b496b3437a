#include "helpers/base/shell_command.h"

#include <filesystem>

namespace passthrough {
namespace {

namespace fs = std::filesystem;

std::string PathOf(const char* program) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return program;
  const fs::path path = self.parent_path() / program;
  return fs::exists(path, error) ? path.string() : program;
}

std::string Command(std::string program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{std::move(program)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return ShellCommand(words);
}

}  // namespace

std::string ShellWord(std::string_view word) {
  // POSIX.1-2017, Shell Command Language, 2.2 Quoting, names what must be quoted; '~', '#' and '=' are left out,
  // which count at a word's beginning or in the first word.
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string ShellCommand(const std::vector<std::string>& words) {
  std::string command;
  for (const std::string& word : words) command += (command.empty() ? "" : " ") + ShellWord(word);
  return command;
}

std::string SuiteCommand(const std::vector<std::string>& arguments) {
  return Command(PathOf("passthrough-suite"), arguments);
}

std::string LabCommand(const std::vector<std::string>& arguments) {
  return Command(PathOf("passthrough-lab"), arguments);
}

}  // namespace passthrough
