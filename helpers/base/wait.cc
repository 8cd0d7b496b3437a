#include "helpers/base/wait.h"

#include <algorithm>
#include <thread>

namespace passthrough {

void BackOff::Sleep(const Deadline& deadline) {
  std::this_thread::sleep_for(std::min<Deadline::Clock::duration>(next_, deadline.Left()));
  next_ = std::min(next_ + next_ / 2, longest_);
}

}  // namespace passthrough
