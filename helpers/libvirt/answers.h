// Waiting for libvirt as long as it answers: how long a look at a hypervisor takes follows from what is there and how
// far away it is, how long one answer takes does not.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/base/wait.h"

namespace passthrough {

// How many answers of libvirt came on the threads that count for it.
using AnswerCount = std::atomic<unsigned>;

// Makes this thread count for `count` while it lives; one at a time on a thread.
class CountAnswersHere {
 public:
  explicit CountAnswersHere(std::shared_ptr<AnswerCount> count);
  ~CountAnswersHere();
  CountAnswersHere(const CountAnswersHere&) = delete;
  CountAnswersHere& operator=(const CountAnswersHere&) = delete;

 private:
  std::shared_ptr<AnswerCount> count_;
};

// Called by whatever gets one, on the thread that asked. Nothing where the thread counts for nobody.
void CountAnswer();

// Runs `work`, which asks libvirt any number of times, on a thread of its own, and gives what it gives. Throws what it
// throws, TimeoutError where no answer came for `silence`, and as Deadline::Check does. Where it throws before `work`
// is done, the thread is left to itself: `work` owns all that it uses.
template <typename Work>
auto RunWhileAnswered(std::chrono::seconds silence, const Deadline& deadline, std::string_view what, Work work) {
  const auto count = std::make_shared<AnswerCount>(0);
  unsigned seen = 0;
  Deadline silent = Deadline::After(silence);
  const auto check = [&] {
    deadline.Check(what);
    if (const unsigned now = count->load(); now != seen) {
      seen = now;
      silent = Deadline::After(silence);
    }
    if (!silent.Passed()) return;
    throw TimeoutError(
        fmt::format("{}: libvirt has not answered for {} s, after {} answers: it waits for a device, for storage, or "
                    "the host is gone. "
                    "A hypervisor that is that slow by nature gets longer by time_limits.libvirt of the profile",
                    what, silence.count(), seen));
  };
  return RunWhile(check, [count, work = std::move(work)]() mutable {
    const CountAnswersHere here(count);
    return work();
  });
}

}  // namespace passthrough
