#include "helpers/health/nvidia/copy_rate_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "helpers/health/link_problems.h"

namespace passthrough {
namespace {

constexpr int kDefaultLeastPercent = 10;
constexpr double kAlwaysEnough = 3.0;  // GB/s, where no profile says otherwise
constexpr double kWorthANote = 0.5;

constexpr char kAdvice[] =
    "Look at AER errors of the GPU and of the ports above it on the host, at the width of those ports' links, and at "
    "the "
    "node's NUMA placement.";

// Copies slower than the slowest link there is, of generation 1 and with one lane (0.25 GB/s).
Findings RatesBelowAnyLink(const WorkloadEvidence& workload, const WorkloadGpu& gpu, const std::string& name) {
  constexpr double kLeastOfAnyLink = 0.2;  // GB/s
  Findings findings;
  for (const auto& [direction, rate] : {std::pair("to", gpu.to_device), std::pair("from", gpu.from_device)}) {
    if (!rate || *rate >= kLeastOfAnyLink) continue;
    findings.push_back({.found = fmt::format("copies {} {} reach {:.3f} GB/s, less than any PCIe link carries",
                                             direction, name, *rate),
                        .where = workload.At(gpu.rate_line),
                        .advice = kAdvice});
  }
  return findings;
}

}  // namespace

LinkShares SharesOfLink(const WorkloadGpu& gpu) {
  const auto link = PcieLinkRate(gpu.link_speed, gpu.link_width.value_or(0));
  LinkShares shares;
  if (link && gpu.to_device) shares.to_device = *gpu.to_device / *link;
  if (link && gpu.from_device) shares.from_device = *gpu.from_device / *link;
  return shares;
}

Findings CopyRateProblems(const WorkloadEvidence& workload, const WorkloadGpu& gpu, const std::string& name,
                          std::optional<int> least_percent) {
  const auto link = PcieLinkRate(gpu.link_speed, gpu.link_width.value_or(0));
  const LinkShares shares = SharesOfLink(gpu);
  if (!link) return RatesBelowAnyLink(workload, gpu, name);  // the node shows none
  const double least_share = least_percent.value_or(kDefaultLeastPercent) / 100.0;
  const double least = least_percent ? least_share * *link : std::min(least_share * *link, kAlwaysEnough);
  Findings findings;
  for (const auto& [direction, rate, share] :
       {std::tuple("to", gpu.to_device, shares.to_device), std::tuple("from", gpu.from_device, shares.from_device)}) {
    if (!rate || *share >= std::max(kWorthANote, least / *link)) continue;
    const bool is_note = *rate >= least;
    findings.push_back(
        {.found =
             fmt::format("copies {} {} reach {:.3f} GB/s, {:.1f} % of what its link ({} x{}) carries, {:.1f} GB/s; "
                         "expected {} at least",
                         direction, name, *rate, *share * 100, gpu.link_speed, *gpu.link_width, *link,
                         is_note ? fmt::format("{:.0f} %", kWorthANote * 100) : fmt::format("{:.2f} GB/s", least)),
         .where = workload.At(gpu.rate_line),
         .advice = std::string(kAdvice) + (is_note ? " In confidential-computing mode it is to be expected." : ""),
         .note = is_note});
  }
  return findings;
}

}  // namespace passthrough
