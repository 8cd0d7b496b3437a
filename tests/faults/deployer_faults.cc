// What a deployer can do wrong when it creates, and what can happen to libvirt meanwhile.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// Every check of the run; what the teardown finds is no check.
const std::vector<std::string> kAllOfADeployment = {"*", "-Environment.*"};
constexpr char kNothingDeployed[] =
    "test -z \"$(virsh list --all --name | grep test-hpc)\"\n"
    "! virsh net-info test-hpc-pcie-minimal-network 2>/dev/null\n"
    "! virsh pool-info test-hpc-pcie-minimal-pool 2>/dev/null\n";

}  // namespace

std::vector<Fault> DeployerFaults() {
  std::vector<Fault> faults = {
      {.id = "H7",
       .name = "create exits 0, and a domain is shut off",
       .create = fmt::format("bring_up_cluster\non_host virsh -q destroy {}", kComputeDomain),
       .fails = {"Node.IsThereAsPlanned/@node", "NodeIdentity.*/@node", "HostDevice.*", "@probes",
                 "-NodeHealth.*/hpc_controller", "-NodeIdentity.*/hpc_controller"},
       .says = {{"Node.IsThereAsPlanned/@node", "is shut off, expected running"}}},
      {.id = "H7b",
       .name = "create exits 0, and a domain is missing",
       .create =
           fmt::format("bring_up_cluster\non_host 'virsh -q destroy {0}; virsh -q undefine {0}'", kControllerDomain),
       .fails = {"Node.IsThereAsPlanned/hpc_controller", "NodeIdentity.*/hpc_controller", "NodeHealth.*/hpc_controller",
                 "HostDomain.*/hpc_controller"},
       .says = {{"Node.IsThereAsPlanned/hpc_controller", "libvirt has no domain test-hpc-pcie-minimal-controller"}}},
      {.id = "H7c",
       .name = "create exits 0 and did nothing",
       .create = "true",
       .fails = {"Node.*", "NodeIdentity.*", "HostDomain.*", "HostDevice.*", "@probes"},
       .says = {{"Node.IsThereAsPlanned/@node", "The deployer did not make it, whatever it says"}}},
      {.id = "H8",
       .name = "create hangs when the cluster is there",
       .profile = "s/create: 120/create: 20/",
       .create = "bring_up_cluster\nsleep 1000",
       .fails = kAllOfADeployment,
       .says = {{"Node.IsThereAsPlanned/@node", "no end after 20 s, killed"}},
       .afterwards = kNothingDeployed},
      {.id = "H8b",
       .name = "create fails and leaves half a cluster",
       .create = fmt::format("bring_up_cluster\non_host 'virsh -q destroy {0}; virsh -q undefine {0}'\n"
                             "echo no space left on device\nexit 3",
                             kComputeDomain),
       .fails = kAllOfADeployment,
       .says = {{"Node.IsThereAsPlanned/@node", "no space left on device"}},
       .afterwards = kNothingDeployed},
      {.id = "H8d",
       .name = "create is killed in the middle",
       .create = "bring_up_cluster\nkill -KILL $$",
       .fails = kAllOfADeployment,
       .says = {{"Node.IsThereAsPlanned/@node", "killed by SIGKILL"}},
       .afterwards = kNothingDeployed},
      {.id = "H8c",
       .name = "the directory of the cluster's pool holds somebody's image already",
       .on_host = "mkdir -p /var/lib/libvirt/images/test-hpc-pcie-minimal\n"
                  "echo precious >/var/lib/libvirt/images/test-hpc-pcie-minimal/test-hpc-pcie-minimal-old.qcow2\n",
       .create = "\"$LAB\" create --lab-dir \"$LAB_DIR\" \"$CLUSTER_FILE\"",
       .fails = kAllOfADeployment,
       .says = {{"Node.IsThereAsPlanned/@node", "holds test-hpc-pcie-minimal-old.qcow2 already"}},
       .afterwards =
           std::string(kNothingDeployed) +
           "grep -q precious /var/lib/libvirt/images/test-hpc-pcie-minimal/test-hpc-pcie-minimal-old.qcow2\n"},
      {.id = "H12",
       .name = "libvirt goes away in the middle, and comes back 20 s later",
       .create = "# libvirtd is stopped when the cluster is there, and started again 20 s later\n"
                 "bring_up_cluster\n"
                 "on_host \"systemctl stop 'libvirtd*.socket' libvirtd.service; systemd-run -q --on-active=20 "
                 "--timer-property=AccuracySec=100ms /usr/sbin/libvirtd\"",
       .fails = kAllOfADeployment,
       .says = {{"Node.IsThereAsPlanned/@node", "libvirt"}},
       .afterwards = kNothingDeployed},
  };
  for (Fault& fault : faults) fault.mode = FaultMode::kDeploy;
  return faults;
}

}  // namespace passthrough
