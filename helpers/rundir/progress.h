// Shows a person what a run is doing and for how long: one line that moves on a terminal, plain lines
// anywhere else.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace passthrough {

// One step at a time; Say may be called from any thread while a step is open.
class Progress {
 public:
  // Writes to `out`, which outlives this. Where it takes nothing any more, a closed terminal or a full disk, what
  // would be shown is lost and the run goes on. `verbose` prints every detail as a line of its own.
  Progress(std::FILE* out, bool verbose);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Opens a step: "deploying test-hpc-pcie-minimal". A step that is still open ends first. `expected_seconds`: what it
  // took in earlier runs, which a terminal shows as a bar and the time left; 0: not known.
  void Begin(std::string_view step, double expected_seconds = 0);
  // What the open step is at: "hpc_compute_01: SSH answers". Printed whole only when verbose.
  void Say(std::string_view detail);
  // Ends the open step: "<result> (12.3 s)". Returns its duration in seconds.
  double End(std::string_view result);
  // A line of its own, whatever is open.
  void Line(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;

  void Tick(const std::stop_token& stop);
  void Draw();   // the moving line; mutex_ held
  void Erase();  // mutex_ held
  void Write(std::string_view text);
  void Print(std::string_view text);  // a whole line with the time since the start; mutex_ held

  std::FILE* const out_;
  const bool terminal_;
  const bool verbose_;
  const Clock::time_point started_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string step_;  // empty: none is open
  std::string detail_;
  double expected_seconds_ = 0;  // of the open step
  Clock::time_point step_started_;
  Clock::time_point last_line_;
  bool drawn_ = false;
  std::jthread ticker_;  // last: it uses all of the above
};

}  // namespace passthrough
