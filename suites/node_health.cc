// Whether the node itself is sound: with a full disk or a wrong clock its probes lie, and what looks like a
// fault of a GPU is none.
#include <fmt/format.h>

#include <filesystem>

#include "fixtures/check.h"
#include "helpers/base/files.h"
#include "helpers/health/node_problems.h"
#include "suites/read_kernel_log.h"

namespace passthrough {
namespace {

// From the end of the deployer until the probes ran; nothing where this run deployed nothing.
std::optional<double> SecondsSinceDeployed(const RunDirectory& run, const NodeEvidence& evidence) {
  const RunRecord record = ReadRunRecord(run.RunJson());
  std::optional<double> seconds;
  for (const PhaseRecord& phase : record.phases) {
    if (phase.name == "collect") break;
    if (seconds) *seconds += phase.seconds;
    if (phase.name == "deploy") seconds = 0;
  }
  if (seconds) *seconds += evidence.ready_seconds();
  return seconds;
}

class NodeHealth : public NodeCheck {
 protected:
  IdentityEvidence Identity() {
    return IdentityEvidence::Parse(Probe("identity").text, Probe("identity").path);
  }
  const NodeEvidence& Evidence() { return session().Evidence(node().name); }
  const RunDirectory& Run() { return *session().run(); }
};

PASSTHROUGH_CHECKS(NodeHealth, RunningNodes, "identity", "kernel_log");

TEST_P(NodeHealth, RootFileSystemIsWritable) { ComplainOfEach(ReadOnlyProblems(Identity())); }

TEST_P(NodeHealth, DiskHasSpace) { ComplainOfEach(DiskFullProblems(Identity())); }

TEST_P(NodeHealth, ClockIsRight) {
  const IdentityEvidence identity = Identity();
  // Nodes in a lab come out of snapshots, in which their clocks stand still.
  if (session().EmulatedDevices()) {
    ComplainOfEach(ClockJumpProblems(identity, ReadKernelLog(Probe("kernel_log"))));
  } else {
    if (Evidence().began_epoch() == 0) {
      throw EvidenceError(fmt::format("{}: when the evidence was collected is not known", node().name));
    }
    ComplainOfEach(ClockProblems(identity, {Evidence().began_epoch(), Evidence().ended_epoch()}));
  }
}

// A domain whose console is not logged has uptime alone.
TEST_P(NodeHealth, BootedOnce) {
  const std::filesystem::path console = Run().ConsoleLog(node().name);
  if (std::filesystem::exists(console)) {
    ComplainOfEach(ConsoleProblems(ReadFile(console), Run().Relative(console)));
  }
  if (const auto seconds = SecondsSinceDeployed(Run(), Evidence())) {
    ComplainOfEach(UptimeProblems(Identity(), *seconds));
  }
}

}  // namespace
}  // namespace passthrough
