// One point in time, passed down through every level of a task, instead of a time limit a level.
#pragma once

#include <chrono>
#include <string_view>

namespace passthrough {

// A point on the steady clock by which a task must be done. A value type; copies are independent.
// Any thread.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  // Milliseconds that a loop around poll(2) waits at most: an interruption is noticed within them.
  static constexpr int kPollAgain = 100;

  // `limit` from now.
  static Deadline After(Clock::duration limit);
  // No limit at all.
  static Deadline Never();

  // The same deadline, or `limit` from now if that is sooner.
  Deadline OrAfter(Clock::duration limit) const;
  // The same deadline for work that an interruption must not stop: teardown.
  Deadline Uninterruptible() const;

  // Time left, never negative. Clock::duration::max() where there is no limit.
  Clock::duration Left() const;
  // Left() in whole milliseconds, rounded up, at most `most`: what poll(2) takes.
  int LeftMilliseconds(int most = 1'000'000'000) const;
  bool Passed() const;

  // Throws TimeoutError "<what>: no answer in time[: last cause]" if passed, InterruptedError if the
  // run was interrupted and this deadline is interruptible. `last_cause` is the last error seen.
  void Check(std::string_view what, std::string_view last_cause = {}) const;

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}

  Clock::time_point at_;
  bool interruptible_ = true;
};

// Seconds since `begin`, by the steady clock.
inline double SecondsSince(Deadline::Clock::time_point begin) {
  return std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
}

}  // namespace passthrough
