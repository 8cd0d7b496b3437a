// Whether the node itself is sound: with a full disk or a wrong clock its probes lie, and what looks like a
// fault of a GPU is none.
#include <fmt/format.h>

#include <filesystem>

#include "fixtures/check.h"
#include "helpers/base/files.h"
#include "helpers/health/node_log_problems.h"
#include "helpers/health/node_problems.h"
#include "helpers/health/setup_problems.h"
#include "suites/kernel_log_checks.h"

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

class NodeHealth : public NodeCheckOf<IdentityEvidence, KernelLog> {
 protected:
  const IdentityEvidence& Identity() { return Parsed<IdentityEvidence>(); }
  const NodeEvidence& Evidence() { return session().Evidence(node().name); }
  const RunDirectory& Run() { return *session().run(); }
};

PASSTHROUGH_CHECKS(NodeHealth, RunningNodes);

TEST_P(NodeHealth, IsSetUp) {
  Output<IdentityEvidence>();  // a node that did not answer fails
  const NodeSetup& setup = Evidence().setup();
  ReportEach(SetupProblems({.command = setup.command,
                            .is_cloud_init = setup.is_default,
                            .exit_status = setup.exit_status,
                            .output = setup.output,
                            .problem = setup.problem},
                           session().Attached(), Evidence().index()));
}

TEST_P(NodeHealth, RootFileSystemIsWritable) { ReportEach(ReadOnlyProblems(Identity())); }

TEST_P(NodeHealth, DiskHasSpace) { ReportEach(DiskFullProblems(Identity())); }

TEST_P(NodeHealth, ClockIsRight) {
  const IdentityEvidence& identity = Identity();
  // Nodes in a lab come out of snapshots, in which their clocks stand still.
  if (session().EmulatedDevices()) {
    ReportEach(ClockJumpProblems(identity, Parsed<KernelLog>()));
  } else {
    if (Evidence().began_epoch() == 0) {
      throw EvidenceError(fmt::format("{}: when the evidence was collected is not known", node().name));
    }
    ReportEach(ClockProblems(identity, {Evidence().began_epoch(), Evidence().ended_epoch()}));
  }
}

TEST_P(NodeHealth, KernelHasNotFailed) {
  const KernelLog& log = Parsed<KernelLog>();
  Findings findings = KernelFailures(log);
  for (Finding& note : LogGapProblems(log)) findings.push_back(std::move(note));
  ReportEach(findings);
}

TEST_P(NodeHealth, HardwareHasNoError) { ReportEach(HardwareProblems(Parsed<KernelLog>())); }

TEST_P(NodeHealth, DisksHaveNoError) { ReportEach(DiskLogProblems(Parsed<KernelLog>())); }

TEST_P(NodeHealth, MemoryIsEnough) {
  ReportEach(
      OutOfMemoryProblems(Parsed<KernelLog>(), session().Attached() ? NodeUse::kOfOthersToo : NodeUse::kOfThisRun));
}

// A domain whose console is not logged has uptime alone, and that says something of a cluster that this run deployed.
TEST_P(NodeHealth, BootedOnce) {
  const std::filesystem::path console = Run().ConsoleLog(node().name);
  const bool has_console = std::filesystem::exists(console);
  if (has_console)
    ReportEach(ConsoleProblems(ReadEvidence(Run().path(), Run().Relative(console)), Run().Relative(console)));
  const std::optional<double> seconds = SecondsSinceDeployed(Run(), Evidence());
  if (seconds) ReportEach(UptimeProblems(Identity(), *seconds));
  if (has_console || seconds) return;
  Output<IdentityEvidence>();  // a node that did not answer fails
  // Every report shows the reason.
  GTEST_SKIP() << node().name << ": whether it booted again by itself is not known: its domain's console has no log "
               << "file, and since when the cluster is there is not known, for this run did not deploy it. With <log "
               << "file=.../> in the domain's <serial> it can.";
}

}  // namespace
}  // namespace passthrough
