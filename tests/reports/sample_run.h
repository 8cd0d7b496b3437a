// Runs as reports see them, of any size, without a cluster.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "fixtures/verdict/results.h"
#include "helpers/base/files.h"

namespace passthrough {

// `nodes` nodes of one host, each with a GPU and its audio function, all well. Its run directory is its own and has
// evidence to quote.
class SampleRun {
 public:
  explicit SampleRun(size_t nodes = 2);
  RunResults& results() { return results_; }
  std::string Node(size_t number) const;                      // from 1: "hpc_compute_01"
  std::string Gpu(size_t number, size_t function = 0) const;  // its host address
  DeviceFacts& Device(size_t node, size_t function = 0);
  // The check that `suite` has of `subject`; makes it where there is none.
  CheckResult& Check(const std::string& suite, const std::string& name, const std::string& subject);
  // A failure, or a note, of that check.
  void Find(CheckResult& check, ReportedFinding finding);
  // As the suite reports it: the GPU answers with ones, and what needs it fails with it.
  void KillGpu(size_t node);
  // The module of the driver is not loaded.
  void UnloadDriver(size_t node);

 private:
  TemporaryDirectory directory_{"sample-run"};
  std::list<PlannedNode> planned_;
  RunResults results_;
};

}  // namespace passthrough
