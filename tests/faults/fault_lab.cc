#include "tests/faults/fault_lab.h"

#include <fmt/format.h>

#include "helpers/base/error.h"

namespace passthrough {
FaultLab::FaultLab(FaultCluster cluster) : cluster_(cluster), lab_(ConfigOf(cluster)) {
  lab_.MustLab("up", {lab_.config().string()});
  lab_.MustLab("snapshot", {kUp});
  lab_.MustLab("create", {lab_.config().string()});
  // Every node has booted once it has been looked at.
  const ChildResult healthy = lab_.Suite({"--attach"});
  if (healthy.exit_status != 0) throw Error("the cluster is not healthy to begin with:\n" + healthy.output);
  // On a node that has just booted the suite waits for a driver: in vain, where the fault is that there is none.
  InNode("hpc_compute_01", "while read -r up _ </proc/uptime; [ \"${up%%.*}\" -lt 60 ]; do sleep 1; done");
  lab_.MustLab("snapshot", {kDeployed});
}

// The lab is not what is tested here: on a laden machine it gets a second try.
void FaultLab::Restore(const std::string& snapshot) {
  if (lab_.Lab("restore", {snapshot}).Succeeded()) return;
  lab_.MustLab("restore", {snapshot});
}

// ssh passes one line to the other side's shell.
void FaultLab::OnHost(const std::string& script) { lab_.MustRunOn("", {"sh", "-ec", ShellWord(script)}); }

void FaultLab::InNode(const std::string& node, const std::string& script) {
  lab_.MustRunOn(node, {"sudo", "-n", "sh", "-ec", ShellWord(script)});
}

std::string ShellWord(const std::string& text) {
  std::string word = "'";
  for (const char character : text) {
    word += character == '\'' ? std::string("'\\''") : std::string(1, character);
  }
  return word + "'";
}

}  // namespace passthrough
