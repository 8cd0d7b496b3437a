// Runs an outside command in a process group of its own, on Boost.Process v2. This folder alone
// names Boost.Process.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"

namespace passthrough {

struct ChildOptions {
  std::filesystem::path log;                       // stdout and stderr are appended as they come; may be empty
  std::filesystem::path working_directory;         // empty: this process's
  std::map<std::string, std::string> environment;  // added to, or in place of, this process's
  size_t most_kept = 256u << 10;                   // bytes of output kept for the result: the last ones
  std::chrono::seconds grace{10};                  // between SIGTERM and SIGKILL to the group on overrun
  // Told each whole line of output as it comes, without its end, on the calling thread. A line of
  // more than 64 KiB comes in pieces.
  std::function<void(std::string_view)> on_line;
  // Told once the child runs, with its process id, which is its group's and its session's too.
  std::function<void(int)> on_start;
};

struct ChildResult {
  int exit_status = -1;  // -1 where it ended by a signal
  int signal = 0;
  bool timed_out = false;  // the deadline passed and the group was killed
  double seconds = 0;      // wall clock
  std::string output;      // the last most_kept bytes, stdout and stderr in the order they came
  bool Succeeded() const { return exit_status == 0 && !timed_out; }
  // "exit status 3", "killed by SIGSEGV", "no end after 20 min, killed".
  std::string HowItEnded() const;
};

// Starts argv[0] (looked for in PATH; with a '/' in it, a path from the working directory) with
// stdin from /dev/null and waits for it and for its output to end. At the deadline or on an
// interruption the whole process group gets SIGTERM, then after options.grace SIGKILL; no process
// of the group is left when this returns, also where the child itself ended and left others behind;
// a daemon that left the group is not touched. An interruption throws InterruptedError after that
// clean-up. Where this process is killed, the command gets SIGTERM: nobody may know of it yet who could end it.
// Throws ProcessError where the command cannot be started ("ai-how: not found in PATH").
ChildResult RunChild(const std::vector<std::string>& argv, const ChildOptions& options, const Deadline& deadline);

// The absolute path that `program` has by PATH; empty where there is none.
std::filesystem::path FindInPath(const std::string& program);

}  // namespace passthrough
