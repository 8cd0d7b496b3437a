#include "tests/evidence/local_exec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

File TemporaryFile(std::string_view content) {
  File file(tmpfile());
  if (!file) throw ProcessError("cannot make a temporary file");
  if (!content.empty()) fwrite(content.data(), 1, content.size(), file.get());
  rewind(file.get());
  return file;
}

std::string ContentOf(FILE* file, size_t most) {
  rewind(file);
  std::string content(most, '\0');
  content.resize(fread(content.data(), 1, most, file));
  return content;
}

[[noreturn]] void BecomeShell(const LocalShell& shell, const std::string& command, int input, int output, int errors) {
  setsid();
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  closefrom(3);
  // As an SSH server would have it; gtest's parent may ignore some.
  for (int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  for (const auto& [name, value] : shell.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<std::string> arguments = shell.shell;
  arguments.push_back(command);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  _exit(127);
}

// Passes on what comes until the end of file; false where the deadline came first.
bool ReadAll(int output, const ExecOptions& options, const Deadline& deadline, ExecResult* result) {
  std::array<char, 16384> buffer;
  while (!deadline.Passed()) {
    pollfd entry{output, POLLIN, 0};
    if (poll(&entry, 1, deadline.LeftMilliseconds(100)) <= 0) continue;
    ssize_t count = read(output, buffer.data(), buffer.size());
    if (count <= 0) return true;
    std::string_view bytes(buffer.data(), static_cast<size_t>(count));
    if (options.sink) {
      options.sink(bytes);
    } else {
      result->output += bytes;
    }
  }
  return false;
}

}  // namespace

ExecResult ExecHere(const LocalShell& shell, const std::string& command, const ExecOptions& options,
                    const Deadline& deadline) {
  File input = TemporaryFile(options.input);
  File errors = TemporaryFile("");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw ProcessError("cannot make a pipe");
  pid_t child = fork();
  if (child == 0) BecomeShell(shell, command, fileno(input.get()), ends[1], fileno(errors.get()));
  close(ends[1]);
  if (shell.on_start) shell.on_start(child);
  ExecResult result;
  bool ended = ReadAll(ends[0], options, deadline, &result);
  close(ends[0]);
  if (!ended) kill(-child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (!ended) throw TimeoutError("the command did not end in time");
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.exit_signal = sigabbrev_np(WTERMSIG(status));
  result.error_output = ContentOf(errors.get(), options.most_error_output);
  return result;
}

std::vector<pid_t> ProcessesWith(const std::string& variable) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name = entry.path().filename().string();
    if (name.empty() || !isdigit(static_cast<unsigned char>(name[0]))) continue;
    // The environment of a zombie is empty.
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    std::string environment{std::istreambuf_iterator<char>(file), {}};
    if ((std::string(1, '\0') + environment).find('\0' + variable + '\0') != std::string::npos) {
      found.push_back(static_cast<pid_t>(std::stol(name)));
    }
  }
  return found;
}

void LinkAsSh(const std::filesystem::path& directory, const std::filesystem::path& program) {
  std::filesystem::create_directories(directory);
  std::filesystem::create_symlink(program, directory / "sh");
}

}  // namespace passthrough
