#include "tests/faults/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

const Verdict* Find(const Summary& summary, const Fault& fault) {
  for (const Verdict& verdict : summary.verdicts) {
    if (verdict.fault->id == fault.id) return &verdict;
  }
  return nullptr;
}

size_t InEvidence(const Summary& summary) {
  return static_cast<size_t>(std::count_if(summary.verdicts.begin(), summary.verdicts.end(),
                                           [](const Verdict& one) { return one.fault->mode == FaultMode::kReplay; }));
}

constexpr char kAbout[] = R"(# Every fault has a check, and every check has caught its fault

Written by `passthrough-faults --write docs/faults.md`, which plants each fault, runs the suite on it and compares the
checks that failed with those that must fail: exactly these, no other. N: in a node, H: on the host. The seconds are
those of the suite's run, on two cores without KVM. How each is planted in full: `tests/faults/`.

)";

}  // namespace

size_t Summary::Caught() const {
  return static_cast<size_t>(
      std::count_if(verdicts.begin(), verdicts.end(), [](const Verdict& one) { return one.caught; }));
}

std::string Row(const Verdict& verdict) {
  std::string text =
      fmt::format("{:<8} {:<5} {:6.1f} s  {}\n{:24}{}\n", verdict.caught ? "caught" : "MISSED", verdict.fault->id,
                  verdict.seconds, verdict.fault->name, "", verdict.failed.empty() ? "not checked" : verdict.failed);
  for (const std::string& problem : verdict.problems) {
    for (const std::string_view line : SplitLines(problem)) text += fmt::format("    {}\n", line);
  }
  return text;
}

std::string ClosingLines(const Summary& summary) {
  std::string text;
  for (const std::string& alarm : summary.false_alarms) text += "FALSE ALARM " + alarm + "\n";
  text += fmt::format(
      "{} runs on the healthy cluster and {} whole runs; {} faults in the running lab, {} in "
      "evidence; {}\n",
      summary.healthy_runs, summary.deployments, summary.verdicts.size() - InEvidence(summary), InEvidence(summary),
      HumanSeconds(summary.seconds));
  return text + fmt::format("{} faults planted, {} caught by exactly their checks, {} false alarms\n",
                            summary.verdicts.size(), summary.Caught(), summary.false_alarms.size());
}

std::string Document(const Summary& summary) {
  std::string text = kAbout;
  text += "| fault | planted how | checks that failed | seconds | verdict |\n|---|---|---|---|---|\n";
  for (const Fault& fault : AllFaults()) {
    const Verdict* verdict = Find(summary, fault);
    if (!fault.IsPlanted()) {
      text += FaultCells(fault) + "| | |\n";
    } else if (verdict != nullptr) {
      text += FaultCells(fault) + fmt::format("{} | {:.1f} | {} |\n", Cell(verdict->failed), verdict->seconds,
                                              verdict->caught ? "caught" : "**missed**");
    }
  }
  return text + "\n" + ClosingLines(summary);
}

}  // namespace passthrough
