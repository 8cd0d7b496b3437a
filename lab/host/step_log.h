// Lines that say what a command is doing, each with the seconds since it started.
#pragma once

#include <chrono>
#include <string_view>

namespace passthrough {

// "[ 12.3 s] lab host: waiting for SSH", flushed at once. Writes to standard output. One thread.
class StepLog {
 public:
  explicit StepLog(bool quiet = false) : quiet_(quiet) {}
  void Say(std::string_view text) const;
  double Seconds() const;

 private:
  bool quiet_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace passthrough
