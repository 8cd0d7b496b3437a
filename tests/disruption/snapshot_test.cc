// The snapshot after a disruption: collected as the run collects everywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/disruption/disruption.h"
#include "helpers/evidence/node_evidence.h"
#include "tests/libvirt/test_hypervisor.h"
#include "tests/network/collecting.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

constexpr char kOneGpu[] =
    "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x10de\nsubsystem_device: 0x167c\n"
    "class: 0x030000\nrevision: 0xa1\nend: pci\n";

// A slow node's probes have longer limits (time_limits.probe_scale), after a disruption, too. Nothing is done to this
// node: it is this machine, which is not the domain.
TEST(SnapshotTest, HasTheProbesLimitsOfTheRun) {
  const OpensshServer server;
  Collecting collecting;
  collecting.AddProbe("identity", "sleep 60");
  const auto slow = collecting.options().remote_directory / "probes" / "identity.sh";
  WriteFile(slow, "#!/bin/sh\n# limit: 1\nsleep 60\n");
  TestHypervisor host("<node>" + TestHypervisor::Domain("d") + "</node>");
  const RunDirectory run = RunDirectory::Create(collecting.directory() / "logs");
  std::filesystem::create_directories(run.Evidence() / "node");
  WriteFile(run.Evidence() / "node" / "pci.txt", kOneGpu);
  DisruptionTools tools;
  tools.libvirt = &host.connection();
  tools.host_keys = &collecting.keys();
  tools.collect = collecting.options();
  tools.collect.probe_scale = 2;
  tools.collect.probes = {"identity"};

  Disrupt({"node", "d", server.account(), {}}, {.rescan = true}, tools, run);

  const NodeEvidence snapshot = NodeEvidence::Load(run.path(), "node", kAfterRescan);
  ASSERT_EQ(snapshot.error(), "");
  const ProbeOutput* const identity = snapshot.Find("identity");
  ASSERT_NE(identity, nullptr);
  EXPECT_TRUE(identity->timed_out);
  EXPECT_EQ(identity->limit_seconds, 2);
}

}  // namespace
}  // namespace passthrough
