// What a check found wrong. The checks of this room are pure functions: parsed evidence in, findings out, none where
// all is well. Evidence that says "N/A" says nothing, so it is no problem.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

// What cannot work as long as a finding stands: failures of checks of it have this cause. The later ones may have an
// earlier one as theirs.
enum class Explains {
  kNothing,
  kItself,       // nothing else, and nothing else is why: neither a device nor a driver that fails brings it about
  kDevice,       // the device, and what else is on its card: it does not answer, or is not there
  kGpus,         // programs on any GPU of the node: the module of their driver is not there
  kOtherDriver,  // programs on this GPU: another driver is bound to it
  kGpu,          // programs on this GPU: no driver is bound to it
};

// Read as one sentence and a next step: "<node>: <found> (<where>). <advice>"
struct Finding {
  std::string found;   // "GPU 0000:01:00.0: its PCIe link has 8 lanes, it can have 16"
  std::string where;   // "evidence/hpc_compute_02/pci.txt:14"; empty: no single place
  std::string advice;  // a sentence: "Reseat the card."
  bool note = false;   // reported, and no fault: it may be in order, and the evidence cannot decide
  Explains explains = Explains::kNothing;
};

using Findings = std::vector<Finding>;

}  // namespace passthrough
