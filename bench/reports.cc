// What making all reports of a run costs: seconds of this process and its largest size. Prints a table.
//   bench/reports [NODES…]   (16, 1000)
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "fixtures/reporters/junit.h"
#include "fixtures/reporters/markdown.h"
#include "fixtures/reporters/metrics.h"
#include "fixtures/reporters/page.h"
#include "fixtures/reporters/summary.h"
#include "fixtures/reporters/verdict_json.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

// As many facts as nvidia-smi and a domain's XML give.
void FillFacts(RunResults& results) {
  for (NodeFacts& node : results.facts.nodes) {
    for (int i = 0; i < 230; ++i) node.domain_xml[fmt::format("devices/controller[{}]/address/slot", i)] = "0x01";
    for (int i = 0; i < 80; ++i) node.devices[0].nvidia_smi[fmt::format("some_element/of_field_{}", i)] = "Enabled";
  }
}

double MiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void Measure(size_t nodes) {
  SampleRun run(nodes);
  FillFacts(run.results());
  for (size_t i = 1; i <= nodes; i += 10) run.KillGpu(i);
  const RunResults& results = run.results();
  const std::pair<const char*, std::string (*)(const RunResults&)> reports[] = {
      {"report.html", MakePage},
      {"verdict.json", [](const RunResults& of) { return MakeVerdictJson(of); }},
      {"junit.xml", MakeJunitXml},
      {"summary.md", MakeMarkdown},
      {"metrics.prom", [](const RunResults& of) { return MakeMetrics(of); }},
      {"summary", [](const RunResults& of) { return MakeSummary(of); }},
  };
  double all = 0;
  for (const auto& [name, make] : reports) {
    const auto start = std::chrono::steady_clock::now();
    const std::string text = make(results);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    all += took;
    fmt::print("| {} | {} | {:.3f} s | {:.2f} MiB |\n", nodes, name, took,
               static_cast<double>(text.size()) / (1 << 20));
  }
  fmt::print("| {} | all of them | {:.3f} s | process at its largest: {:.0f} MiB |\n", nodes, all, MiB());
}

}  // namespace
}  // namespace passthrough

int main(int argc, char** argv) {
  std::vector<size_t> counts;
  for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
  if (counts.empty()) counts = {16, 1000};
  fmt::print("| nodes | report | took | size |\n|---|---|---|---|\n");
  for (const size_t count : counts) passthrough::Measure(count);
}
