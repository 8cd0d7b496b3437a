// How long the steps of a disruption may take.
#pragma once

#include <chrono>

#include "helpers/base/deadline.h"

namespace passthrough {

struct DisruptionLimits {
  using Duration = Deadline::Clock::duration;
  Duration ssh = std::chrono::seconds(300);  // until the node answers
  // A node goes down before it comes up, and an emulated one comes up slower than it first did: 30 s to 6 min were
  // measured in a lab on a busy machine.
  Duration Reboot() const { return 2 * ssh; }
  // For one action on the node, and for a guest to let a device go. Firmware of real machines takes 10 s and more; an
  // emulated machine inside an emulated machine takes its time for everything.
  Duration action = std::chrono::seconds(120);
  Duration guest = std::chrono::seconds(60);
  Duration driver = std::chrono::seconds(30);    // for the driver to bind
  Duration reattach = std::chrono::seconds(30);  // of what is not back in the end
  Duration restore = std::chrono::seconds(30);   // of a run that was interrupted
};

}  // namespace passthrough
