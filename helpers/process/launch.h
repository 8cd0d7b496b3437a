// Starting one process. The only place that names Boost.Process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace passthrough {

struct LaunchOptions {
  std::filesystem::path program;                   // absolute
  std::vector<std::string> arguments;              // without the program
  std::filesystem::path working_directory;         // empty: this process's
  std::map<std::string, std::string> environment;  // added to, or in place of, this process's
  int output = -1;                                 // descriptor that becomes its stdout and stderr
  // It gets SIGTERM when the thread that starts it ends, whatever ends that (prctl(2), PR_SET_PDEATHSIG).
  bool ends_with_us = false;
};

// Starts the process as leader of a session and process group of its own, with stdin from
// /dev/null, no other descriptor of ours, the limit of them that this process was started with, no signal blocked or
// ignored. Returns its id, which is its group's too; the caller waits for it. Throws ProcessError with the system's
// reason. Any thread.
pid_t Launch(const LaunchOptions& options);

}  // namespace passthrough
