// Interrupts runs in the lab at every point and in every way, two at a time, and prints a table of what
// was left. Exit status 0 only where the host was as before after each.
//   interruptions [--only WORDS]   points whose name has these words
//   interruptions --in-a-row N     N runs on one lab, every third killed: nothing may grow
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "helpers/base/error.h"
#include "tests/interruptions/interruption.h"

namespace passthrough {
namespace {

constexpr int kLabs = 2;  // each has one emulated processor

const std::vector<Blow>& Blows() {
  static const std::vector<Blow> blows{
      {.name = "SIGINT", .signal = SIGINT},
      {.name = "SIGTERM", .signal = SIGTERM},
      {.name = "SIGKILL", .signal = SIGKILL},
      {.name = "SIGINT twice", .signal = SIGINT, .twice = true},
      {.name = "SIGHUP", .signal = SIGHUP},
      {.name = "SIGKILL, guard too", .signal = SIGKILL, .guard_too = true},
      {.name = "both, logs deleted", .signal = SIGKILL, .guard_too = true, .logs_deleted = true},
  };
  return blows;
}

struct Case {
  const InterruptionPoint* point;
  const Blow* blow;
};

// Three ways at every point; the rarer ones at every third.
std::vector<Case> Cases(const std::string& only) {
  std::vector<Case> cases;
  size_t number = 0;
  for (const InterruptionPoint& point : InterruptionPoints()) {
    const bool rare = number++ % 3 == 1;
    if (point.name.find(only) == std::string_view::npos) continue;
    for (const Blow& blow : Blows()) {
      const bool usual = &blow < &Blows()[3];
      if (usual || rare) cases.push_back({&point, &blow});
    }
  }
  return cases;
}

// Shared by the workers; prints a line as each case ends.
class Matrix {
 public:
  explicit Matrix(std::vector<Case> cases) : cases_(std::move(cases)) {}

  void Work() {
    try {
      Victim victim;
      for (size_t i = next_++; i < cases_.size(); i = next_++) {
        Aftermath aftermath;
        try {
          aftermath = victim.Strike(*cases_[i].point, *cases_[i].blow);
        } catch (const Error& error) {
          aftermath.problem = error.what();
        }
        Tell(cases_[i], aftermath);
      }
    } catch (const std::exception& error) {
      fmt::print("a lab could not be used: {}\n", error.what());
    }
  }

  int Total() const {
    fmt::print("{} interruptions, {} left the host as it was, {} did not\n", cases_.size(), good_,
               cases_.size() - good_);
    return !cases_.empty() && good_ == cases_.size() ? 0 : 1;
  }

 private:
  void Tell(const Case& one, const Aftermath& aftermath) {
    const std::scoped_lock lock(mutex_);
    if (aftermath.problem.empty()) ++good_;
    fmt::print("{:<24} {:<19} {:<13} {:6.1f} s  {}\n", one.point->name, one.blow->name, aftermath.healed,
               aftermath.seconds, aftermath.problem.empty() ? "as before" : aftermath.problem);
    std::fflush(stdout);
  }

  const std::vector<Case> cases_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  size_t good_ = 0;
};

void PrintFootprint(const std::string& when, const Footprint& print) {
  fmt::print(
      "{:<12} {} processes, {} temporary files, {} registered runs, {} listening ports, {} files of "
      "the lab's, the lab has {} MiB\n",
      when, print.processes, print.temporary_files, print.registered, print.listening_ports, print.state_files,
      print.lab_kib / 1024);
  std::fflush(stdout);
}

// Returns the exit status. The first run makes what stays on purpose; so the footprint is taken after it.
int RunInARow(int runs) {
  Victim victim;
  int good = 0;
  Footprint before;
  for (int i = 0; i < runs; ++i) {
    std::string problem;
    std::string how = "in peace";
    if (i % 3 == 2) {
      const auto& points = InterruptionPoints();
      const InterruptionPoint* point = &points[static_cast<size_t>(i) * 5 % points.size()];
      if (point->lab_is_down) point = &points.back();
      how = fmt::format("killed at \"{}\"", point->name);
      problem = victim.Strike(*point, Blows()[2]).problem;
    } else {
      problem = victim.RunInPeace();
    }
    if (problem.empty()) ++good;
    fmt::print("run {:>2}, {:<34} {}\n", i + 1, how, problem.empty() ? "as before" : problem);
    std::fflush(stdout);
    if (i == 0) {
      before = victim.TakeFootprint();
      PrintFootprint("after run 1", before);
    }
  }
  const Footprint after = victim.TakeFootprint();
  PrintFootprint(fmt::format("after run {}", runs), after);
  const bool drifts = !(before == after);
  fmt::print("{} runs in a row, {} as they should be, {}\n", runs, good, drifts ? "SOMETHING GREW" : "no drift");
  return good == runs && !drifts ? 0 : 1;
}

int Main(int argc, char** argv) {
  const std::string option = argc == 3 ? argv[1] : "";
  if (option == "--in-a-row") return RunInARow(std::max(1, std::atoi(argv[2])));
  if (argc != 1 && option != "--only") {
    fmt::print(stderr, "usage: interruptions [--only WORDS | --in-a-row N]\n");
    return 1;
  }
  std::vector<Case> cases = Cases(argc == 3 ? argv[2] : "");
  if (cases.empty()) {
    fmt::print(stderr, "--only {}: no point has these words in its name; there are:\n", argv[2]);
    for (const InterruptionPoint& point : InterruptionPoints()) fmt::print(stderr, "  {}\n", point.name);
    return 1;
  }
  Matrix matrix(std::move(cases));
  fmt::print("{:<24} {:<19} {:<13} {:>8}  {}\n", "point", "signal", "healed", "after", "the host");
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < kLabs; ++i) workers.emplace_back([&] { matrix.Work(); });
  }
  return matrix.Total();
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) { return passthrough::Main(argc, argv); }
