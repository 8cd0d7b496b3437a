// One fault of the table: how it is planted, and what must notice it. Adding a fault is adding one entry to one
// of the …_faults.cc files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace passthrough {

// The cluster that the fault is planted in.
enum class FaultCluster {
  kOneGpu,    // configs/test-pcie-passthrough-minimal.yaml: a controller, and a node with a GPU
  kTwoNodes,  // tests/faults/two-gpu-nodes.yaml: nodes with two GPUs and with one
  kDevices,   // tests/faults/device-nodes.yaml: devices that are no GPUs
};
std::filesystem::path ConfigOf(FaultCluster cluster);

enum class FaultMode {
  kAttach,  // planted in the deployed cluster, which the suite then looks at: --attach
  kDeploy,  // the suite deploys and destroys, with the commands `create` and `destroy`
  kReplay,  // planted in a copy of a healthy run's evidence: --replay
};

// A message that a failed check must have.
struct Says {
  std::string check;  // "Suite.Name" or "Suite.Name/parameter"
  std::string text;   // found in what it said
};

// Every member has a default, so that an entry names only what it needs (-Wmissing-field-initializers).
struct Fault {
  std::string id{};    // of the list in docs/faults.md, with a letter where it has several: "N18b"
  std::string name{};  // "the GPU's device file is missing"

  FaultMode mode = FaultMode::kAttach;
  FaultCluster cluster = FaultCluster::kOneGpu;

  // How it is planted: whichever of these are set, in this order. Each is run by sh -e.
  std::string in_node{};                // as root on `node`
  std::string node = "hpc_compute_01";  // or several, with spaces between
  std::string on_host{};                // as root on the lab host
  std::string cluster_file{};           // sed's script on the cluster file that the suite is given
  std::string profile{};                // sed's script on the suite's profile
  std::string in_evidence{};            // kReplay: in the copied run directory
  // kDeploy: the deployer's commands, on this machine, with the functions of deployer_commands.sh.
  std::string create = "bring_up_cluster";
  std::string destroy = "remove_cluster";
  std::vector<std::string> suite_options{};

  // Exactly the checks that must fail: see expectation.h.
  std::vector<std::string> fails{};
  std::vector<Says> says{};
  int seconds = 300;  // the suite's run must have ended by then
  // Run on the lab host when the suite has ended; must succeed. For what must not be left behind.
  std::string afterwards{};

  // Where it cannot be planted at all: why. Then nothing above but id and name is set.
  std::string not_planted{};

  bool IsPlanted() const { return not_planted.empty(); }
};

// "node: rm /dev/nvidia0": where and how, for people.
std::string HowPlanted(const Fault& fault);

// A cell of a Markdown table.
std::string Cell(std::string text);
// How a row of docs/faults.md begins: "| N1 the GPU is not in the node | lab host: virsh … | ".
std::string FaultCells(const Fault& fault);

// All of them, in the order of the list: the node's, the host's. Ids are unique.
const std::vector<Fault>& AllFaults();

// The parts of the table, a file an area.
std::vector<Fault> PciPresenceFaults();
std::vector<Fault> PciFunctionFaults();
std::vector<Fault> PciLinkFaults();
std::vector<Fault> DriverUseFaults();
std::vector<Fault> DriverFaults();
std::vector<Fault> DriverReleaseFaults();
std::vector<Fault> DeviceFileFaults();
std::vector<Fault> NvidiaSmiFaults();
std::vector<Fault> GpuLinkFaults();
std::vector<Fault> GpuMemoryFaults();
std::vector<Fault> GpuLimitFaults();
std::vector<Fault> GpuUseFaults();
std::vector<Fault> NodeFaults();
std::vector<Fault> DriverLogFaults();
std::vector<Fault> DeviceLogFaults();
std::vector<Fault> NodeLogFaults();
std::vector<Fault> LogAfterStepFaults();
std::vector<Fault> WorkloadFaults();
std::vector<Fault> DiskFaults();
std::vector<Fault> DiskReadFaults();
std::vector<Fault> DiskWriteFaults();
std::vector<Fault> NetworkFaults();
std::vector<Fault> NetworkLinkFaults();
std::vector<Fault> DisruptiveFaults();
std::vector<Fault> PreflightFaults();
std::vector<Fault> HostFaults();
std::vector<Fault> DeployerFaults();
std::vector<Fault> TeardownFaults();

}  // namespace passthrough
