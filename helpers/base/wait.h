// Waiting by short polls with back-off: 20 ms at first, 1 s at most, so that what is waited for is
// noticed soon and nothing is spun on.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "helpers/base/deadline.h"

namespace passthrough {

// Sleeps between attempts: 20 ms, then half as much again each time, up to `longest`.
class BackOff {
 public:
  explicit BackOff(std::chrono::milliseconds longest = std::chrono::seconds(1)) : longest_(longest) {}
  // Sleeps for the next step, no longer than the deadline leaves.
  void Sleep(const Deadline& deadline);

 private:
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_{20};
};

// Calls `attempt(std::string* last_cause)` until it returns a value; returns that value.
// An attempt that fails says why in *last_cause and returns nullopt; what it throws goes through.
// Throws TimeoutError with the last cause when the deadline passes, InterruptedError when the run was
// interrupted. At least one attempt is made.
template <typename Attempt>
auto WaitFor(const Deadline& deadline, std::string_view what, Attempt attempt,
             std::chrono::milliseconds longest = std::chrono::seconds(1)) {
  BackOff back_off(longest);
  std::string last_cause;
  while (true) {
    if (auto value = attempt(&last_cause)) return *std::move(value);
    deadline.Check(what, last_cause);
    back_off.Sleep(deadline);
  }
}

// Runs `work` on a thread of its own and gives what it gives. `check` is called ten times a second while it runs.
// Throws what either throws; where that was `check`, the thread is left to itself, so `work` owns all that it uses.
// Only for calls that know no time limit and end some day, such as getaddrinfo(3).
template <typename Work, typename Check>
auto RunWhile(Check check, Work work) {
  using Result = decltype(work());
  std::promise<std::future<Result>> promise;
  auto done = promise.get_future();
  std::thread([work = std::move(work), promise = std::move(promise)]() mutable {
    std::packaged_task<Result()> task(std::move(work));
    std::future<Result> result = task.get_future();
    task();
    task = {};  // what it threw is the caller's alone now, and freed by none but the caller
    promise.set_value(std::move(result));
  }).detach();
  while (done.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) check();
  return done.get().get();
}

// The same, until `deadline`: throws as Deadline::Check does.
template <typename Work>
auto RunWithDeadline(const Deadline& deadline, std::string_view what, Work work) {
  return RunWhile([&] { deadline.Check(what); }, std::move(work));
}

}  // namespace passthrough
