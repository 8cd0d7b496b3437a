#include "helpers/base/deadline.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/interruption.h"

namespace passthrough {

Deadline Deadline::After(Clock::duration limit) { return Deadline(Clock::now() + limit); }

Deadline Deadline::Never() { return Deadline(Clock::time_point::max()); }

Deadline Deadline::OrAfter(Clock::duration limit) const {
  Deadline sooner = *this;
  sooner.at_ = std::min(at_, Clock::now() + limit);
  return sooner;
}

Deadline Deadline::Uninterruptible() const {
  Deadline copy = *this;
  copy.interruptible_ = false;
  return copy;
}

Deadline::Clock::duration Deadline::Left() const {
  if (at_ == Clock::time_point::max()) return Clock::duration::max();
  return std::max(at_ - Clock::now(), Clock::duration::zero());
}

int Deadline::LeftMilliseconds(int most) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(Left()).count();
  return static_cast<int>(std::min<decltype(left)>(left, most));
}

bool Deadline::Passed() const { return Left() == Clock::duration::zero(); }

void Deadline::Check(std::string_view what, std::string_view last_cause) const {
  if (interruptible_ && InterruptionSignal() != 0) {
    throw InterruptedError(std::string(what) + ": interrupted by SIG" + sigabbrev_np(InterruptionSignal()));
  }
  if (!Passed()) return;
  std::string message = std::string(what) + ": no success in time";
  if (!last_cause.empty()) message += "; last cause: " + std::string(last_cause);
  throw TimeoutError(message);
}

}  // namespace passthrough
