// What a judgement found wrong. Judgements are pure: parsed evidence in, problems out, empty where all is
// well. Evidence that says "N/A" says nothing, so it is no problem.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

// Read as one sentence and a next step: "<node>: <found> (<where>). <advice>"
struct HealthProblem {
  std::string found;   // "GPU 0000:01:00.0 is bound to nouveau, expected nvidia"
  std::string where;   // "evidence/hpc_compute_02/pci.txt:14"; empty: no single place
  std::string advice;  // a sentence: "Blacklist nouveau and rebuild the initramfs."
  bool note = false;   // to be told, and no fault: it may be in order, and the evidence cannot decide
};

using HealthProblems = std::vector<HealthProblem>;

}  // namespace passthrough
