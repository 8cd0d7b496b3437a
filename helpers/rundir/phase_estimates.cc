#include "helpers/rundir/phase_estimates.h"

#include <algorithm>
#include <functional>
#include <set>
#include <system_error>
#include <vector>

namespace passthrough {
namespace {

constexpr int kMostRuns = 5;
constexpr int kMostRead = 50;  // of a directory with the runs of many clusters

}  // namespace

std::map<std::string, double> EstimatePhases(const std::filesystem::path& directory, const RunRecord& record) {
  std::set<std::filesystem::path, std::greater<>> newest_first;  // their names are their times
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!entry.is_symlink(error)) newest_first.insert(entry.path() / "run.json");
  }
  std::map<std::string, std::vector<double>> took;
  int runs = 0;
  int read = 0;
  for (const std::filesystem::path& file : newest_first) {
    if (runs == kMostRuns || read == kMostRead) break;
    if (!std::filesystem::exists(file, error)) continue;
    ++read;
    try {
      const RunRecord other = ReadRunRecord(file);
      if (other.cluster != record.cluster || other.profile != record.profile || other.mode != record.mode) continue;
      for (const PhaseRecord& phase : other.phases) {
        if (phase.error.empty()) took[phase.name].push_back(phase.seconds);
      }
      runs += other.phases.empty() ? 0 : 1;
    } catch (const Error&) {
      // It says nothing of how long this one will take.
    }
  }
  std::map<std::string, double> estimates;
  for (auto& [phase, seconds] : took) {
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2), seconds.end());
    estimates[phase] = seconds[seconds.size() / 2];
  }
  return estimates;
}

}  // namespace passthrough
