// One flag for the whole process: somebody asked the run to stop. Signal handlers set it, every wait
// looks at it (through Deadline), teardown ignores it.
#pragma once

namespace passthrough {

// Marks the run as interrupted by `signal`. Async-signal-safe; may be called from any thread.
void RequestInterruption(int signal) noexcept;

// The signal given to RequestInterruption, or 0. Any thread.
int InterruptionSignal() noexcept;

// Forgets an interruption. For tests.
void ClearInterruption() noexcept;

}  // namespace passthrough
