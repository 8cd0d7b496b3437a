#include "helpers/base/interruption.h"

#include <atomic>

namespace passthrough {
namespace {

std::atomic<int> interruption_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "signal handlers store into this");

}  // namespace

void RequestInterruption(int signal) noexcept { interruption_signal.store(signal); }

int InterruptionSignal() noexcept { return interruption_signal.load(); }

void ClearInterruption() noexcept { interruption_signal.store(0); }

}  // namespace passthrough
