// What a destroy can leave behind.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// Whatever the deployer left of what the run created is gone: the suite removes it, by UUID.
constexpr char kNothingLeft[] =
    "left=$(virsh list --all --name; virsh net-list --all --name; virsh pool-list --all --name)\n"
    "case $left in *test-hpc*) echo \"$left\"; exit 1 ;; esac\n";

// What destroy leaves, the nodes' checks have not seen: nothing is collected for them, which saves their time.
const std::vector<std::string> kCleanupOnly = {"--gtest_filter=Cleanup*"};

}  // namespace

std::vector<Fault> TeardownFaults() {
  std::vector<Fault> faults = {
      {.id = "H9",
       .name = "a domain remains after destroy",
       .destroy = std::string("on_host 'virsh dumpxml --inactive ") + kComputeDomain +
                  " >/tmp/kept.xml'\nremove_cluster\n" + "on_host virsh -q define /tmp/kept.xml",
       .fails = {"Cleanup.NoDomainRemains", "Environment.NothingIsLeftBehind"},
       .says = {{"Cleanup.NoDomainRemains", "domain test-hpc-pcie-minimal-compute-01 is still there after destroy"},
                {"Environment.NothingIsLeftBehind", "domain test-hpc-pcie-minimal-compute-01"}},
       .afterwards = kNothingLeft},
      {.id = "H9f",
       .name = "somebody else makes a domain of a node's name while the cluster is destroyed",
       .destroy = "remove_cluster\non_host \"" + WriteSmallDomain(kComputeDomain) + "virsh -q define /tmp/" +
                  kComputeDomain + ".xml\"",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.NoDomainRemains"},
       .says = {{"Cleanup.NoDomainRemains", "domain test-hpc-pcie-minimal-compute-01 is still there after destroy"}},
       .afterwards = "virsh dominfo test-hpc-pcie-minimal-compute-01 >/dev/null"},
      {.id = "H9b",
       .name = "a network and its bridge remain after destroy",
       .destroy = "on_host 'virsh net-dumpxml --inactive test-hpc-pcie-minimal-network >/tmp/kept.xml'\n"
                  "remove_cluster\n"
                  "on_host 'virsh -q net-define /tmp/kept.xml; virsh -q net-start test-hpc-pcie-minimal-network'",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.NoNetworkRemains", "Cleanup.NoInterfaceRemains", "Environment.NothingIsLeftBehind"},
       .says = {{"Cleanup.NoNetworkRemains", "network test-hpc-pcie-minimal-network is still there"},
                {"Cleanup.NoInterfaceRemains", "virbr140"}},
       .afterwards = kNothingLeft},
      {.id = "H9c",
       .name = "a pool with a volume remains after destroy",
       .destroy = "on_host 'virsh pool-dumpxml test-hpc-pcie-minimal-pool >/tmp/kept.xml'\n"
                  "remove_cluster\n"
                  "on_host 'virsh -q pool-define /tmp/kept.xml; virsh -q pool-build test-hpc-pcie-minimal-pool; "
                  "virsh -q pool-start test-hpc-pcie-minimal-pool; "
                  "virsh -q vol-create-as test-hpc-pcie-minimal-pool test-hpc-pcie-minimal-base.qcow2 1M'",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.NoPoolOrVolumeRemains", "Environment.NothingIsLeftBehind"},
       .says = {{"Cleanup.NoPoolOrVolumeRemains", "pool test-hpc-pcie-minimal-pool is still there"},
                {"Cleanup.NoPoolOrVolumeRemains", "1 volume"}},
       .afterwards = kNothingLeft},
      {.id = "H9d",
       .name = "a bridge remains after destroy",
       .destroy = "remove_cluster\non_host ip link add virbr140 type bridge",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.NoInterfaceRemains"},
       .says = {{"Cleanup.NoInterfaceRemains", "network interface virbr140 is new on the host"}}},
      {.id = "H9e",
       .name = "the deployer changed what is not the cluster's",
       .destroy = "remove_cluster\non_host virsh -q nodedev-detach pci_0000_00_1f_0",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.NothingElseOnTheHostChanged"},
       .says = {{"Cleanup.NothingElseOnTheHostChanged", "0000:00:1f.0"}}},
      {.id = "H10",
       .name = "a function is not back on the driver that it had before",
       .destroy = "remove_cluster\non_host virsh -q nodedev-detach pci_0000_01_00_1",
       .suite_options = kCleanupOnly,
       .fails = {"CleanupDevice.IsBackOnItsDriver/@audio"},
       .says = {{"CleanupDevice.IsBackOnItsDriver/@audio", "is bound to vfio-pci after destroy, and was"}}},
      {.id = "H11",
       .name = "destroy exits 0 and did nothing",
       .destroy = "true",
       .fails = {"Cleanup.NoDomainRemains", "Cleanup.NoNetworkRemains", "Cleanup.NoPoolOrVolumeRemains",
                 "Cleanup.NoInterfaceRemains", "CleanupDevice.*", "Environment.NothingIsLeftBehind"},
       .says = {{"Cleanup.NoDomainRemains", "domain test-hpc-pcie-minimal-controller is still there"},
                {"CleanupDevice.IsBackOnItsDriver/@gpu", "is bound to vfio-pci after destroy"}},
       .afterwards = kNothingLeft},
      {.id = "H11b",
       .name = "destroy fails, though everything is gone",
       .destroy = "remove_cluster\necho permission denied\nexit 4",
       .suite_options = kCleanupOnly,
       .fails = {"Cleanup.DestroySucceeded", "Environment.NothingIsLeftBehind"},
       .says = {{"Cleanup.DestroySucceeded", "permission denied"}}},
  };
  for (Fault& fault : faults) fault.mode = FaultMode::kDeploy;
  return faults;
}

}  // namespace passthrough
