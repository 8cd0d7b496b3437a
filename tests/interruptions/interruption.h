// One run that is interrupted, and what was left of it.
#pragma once

#include <csignal>
#include <string>

#include "helpers/inventory/inventory.h"
#include "tests/end_to_end/lab_cluster.h"
#include "tests/interruptions/points.h"

namespace passthrough {

// How it is interrupted.
struct Blow {
  std::string_view name;
  int signal;
  bool twice = false;         // once more, a moment later
  bool guard_too = false;     // the guard is killed first
  bool logs_deleted = false;  // and then all run directories, as where a CI job's checkout is cleaned
};

struct Aftermath {
  std::string problem;  // empty: the host is as it was before
  std::string healed;   // "at once", "by the guard", "by --reap"
  double seconds = 0;   // from the blow until the host was as before
};

// What must not grow from run to run.
struct Footprint {
  size_t processes = 0;        // that name this lab or its runs
  size_t temporary_files = 0;  // in the runs' $TMPDIR
  size_t registered = 0;       // runs whose teardown is pending
  size_t listening_ports = 0;  // of these processes
  size_t state_files = 0;      // in the lab's directory and the runs' state directory
  long lab_kib = 0;            // resident memory of the lab; it may grow, for the lab host caches files
  bool operator==(const Footprint& other) const {
    return processes == other.processes && temporary_files == other.temporary_files && registered == other.registered &&
           listening_ports == other.listening_ports && state_files == other.state_files;
  }
};

// A lab and what it looked like before anything ran on it. One thread at a time; several can work side
// by side.
class Victim {
 public:
  Victim();
  // Runs the suite, strikes at `point`, and looks what is left. Throws Error where the lab fails.
  Aftermath Strike(const InterruptionPoint& point, const Blow& blow);
  // A whole run that nobody disturbs. The problem where it does not pass or leaves something.
  std::string RunInPeace();
  // What the runs of this victim take up by now, a line each.
  Footprint TakeFootprint() const;

 private:
  void BringLabTo(bool up);
  void Recover();
  ChildOptions Environment() const;
  std::vector<std::string> SuiteArguments(const std::string& filter) const;
  void Run(const InterruptionPoint& point, const Blow& blow, Aftermath& aftermath);
  bool TeardownRecordIsGone() const;
  std::string Leftovers(const InterruptionPoint& point);

  TestLab lab_;
  std::filesystem::path state_;
  Inventory before_;
  bool is_up_ = false;
};

}  // namespace passthrough
