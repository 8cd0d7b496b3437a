#include "tests/faults/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/error.h"
#include "tests/faults/expectation.h"

namespace passthrough {
namespace {

std::set<std::string> Without(std::set<std::string> from, const std::set<std::string>& what) {
  for (const std::string& one : what) from.erase(one);
  return from;
}

void CompareSets(const PlantedRun& planted, const std::set<std::string>& expected, Verdict& verdict) {
  const auto& failed = planted.report.failed;
  for (const std::string& check : Without(expected, failed)) {
    verdict.problems.push_back("passed, and had to fail: " + check);
  }
  for (const std::string& check : Without(failed, expected)) {
    verdict.problems.push_back(
        fmt::format("failed, and had to pass: {}: {}", check, planted.report.messages.at(check)));
  }
  for (const std::string& check : planted.report.skipped) {
    verdict.problems.push_back("was skipped: " + check);
  }
  std::set<std::string> missing = Without(planted.all, planted.report.all);
  missing.erase("Environment.NothingIsLeftBehind");  // is there only where it failed
  for (const std::string& check : missing) verdict.problems.push_back("is not in the report: " + check);
}

void CompareTexts(const Fault& fault, const PlantedRun& planted, Verdict& verdict) {
  for (const Says& says : fault.says) {
    for (const std::string& check : ExpandChecks({says.check}, planted.all)) {
      const auto message = planted.report.messages.find(check);
      const std::string said = message == planted.report.messages.end() ? "nothing" : message->second;
      if (said.find(says.text) != std::string::npos) continue;
      verdict.problems.push_back(fmt::format("{} had to say \"{}\"; it said: {}", check, says.text, said));
    }
  }
}

}  // namespace

Verdict Compare(const Fault& fault, const PlantedRun& planted) {
  Verdict verdict;
  verdict.fault = &fault;
  verdict.seconds = planted.run.seconds;
  verdict.failed = InShort(planted.report.failed, planted.all);
  try {
    const std::set<std::string> expected = ExpandChecks(fault.fails, planted.all);
    CompareSets(planted, expected, verdict);
    CompareTexts(fault, planted, verdict);
    verdict.problems.insert(verdict.problems.end(), planted.disagreements.begin(), planted.disagreements.end());
    if (!planted.left_behind.empty()) {
      verdict.problems.push_back("after it, on the lab host: " + planted.left_behind);
    }
    const int expected_status = expected.empty() ? 0 : 1;
    if (planted.run.exit_status != expected_status) {
      verdict.problems.push_back(
          fmt::format("the suite ended with {}, expected exit status {}", planted.run.HowItEnded(), expected_status));
    }
  } catch (const Error& error) {
    verdict.problems.emplace_back(error.what());
  }
  verdict.caught = verdict.problems.empty();
  return verdict;
}

}  // namespace passthrough
