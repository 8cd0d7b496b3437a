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

TEST_P(NodeHealth, KernelHasNotFailed) {
  const KernelLog log = ReadKernelLog(Probe("kernel_log"));
  ComplainOfEach(OopsProblems(log));
  if (!session().EmulatedDevices()) ComplainOfEach(StallProblems(log));
}

// A domain whose console is not logged has uptime alone, and that says something of a cluster that this run deployed.
TEST_P(NodeHealth, BootedOnce) {
  const std::filesystem::path console = Run().ConsoleLog(node().name);
  const bool has_console = std::filesystem::exists(console);
  if (has_console) ComplainOfEach(ConsoleProblems(ReadFile(console), Run().Relative(console)));
  const std::optional<double> seconds = SecondsSinceDeployed(Run(), Evidence());
  if (seconds) ComplainOfEach(UptimeProblems(Identity(), *seconds));
  if (has_console || seconds) return;
  Probe("identity");  // a node that did not answer fails
  // Told in every report.
  GTEST_SKIP() << node().name << ": whether it booted again by itself cannot be told: its domain's console has no log "
               << "file, and since when the cluster is there is not known, for this run did not deploy it. With <log "
               << "file=.../> in the domain's <serial> it can.";
}

}  // namespace
}  // namespace passthrough
