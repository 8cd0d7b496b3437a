// One run that is interrupted, and what was left of it.
#pragma once

#include <csignal>
#include <string>

#include "helpers/libvirt/inventory.h"
#include "tests/end_to_end/lab_cluster.h"
#include "tests/interruptions/points.h"

namespace passthrough {

// How it is interrupted.
struct Blow {
  std::string_view name;
  int signal;
  bool twice = false;      // once more, a moment later
  bool guard_too = false;  // the guard is killed first
};

struct Aftermath {
  std::string problem;  // empty: the host is as it was before
  std::string healed;   // "at once", "by the guard", "by --reap"
  double seconds = 0;   // from the blow until the host was as before
};

// A lab and what it looked like before anything ran on it. One thread at a time; several can work side
// by side.
class Victim {
 public:
  Victim();
  // Runs the suite, strikes at `point`, and looks what is left. Throws Error where the lab fails.
  Aftermath Strike(const InterruptionPoint& point, const Blow& blow);

 private:
  void BringLabTo(bool up);
  void Run(const InterruptionPoint& point, const Blow& blow, Aftermath& aftermath);
  bool LeaseIsGone() const;
  std::string Leftovers(const InterruptionPoint& point);

  TestLab lab_;
  std::filesystem::path state_;
  Inventory before_;
  bool is_up_ = false;
};

}  // namespace passthrough
