// What can be wrong with the functions on a node's PCI bus.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

std::vector<Fault> PciFaults() {
  return {
      {.id = "N1",
       .name = "the GPU is not in the node",
       .on_host = UnplugFromDomain("0000:01:00.0", kComputeDomain),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/@gpu", "PciVisibility.*",
                 "PciDevice.*/@gpu", "GpuDriver.*", "NvidiaSmi.*", "DeviceFiles.OneForEachGpu"},
       .says = {{"HostDomain.HasExactlyThePlannedDevices/@node", "no <hostdev> for 0000:01:00.0"},
                {"PciDevice.IsWhereLibvirtAttachedIt/@gpu", "GPU 0000:01:00.0 is not attached to domain"}}},
      {.id = "N2",
       .name = "the GPU's audio function did not arrive",
       .on_host = UnplugFromDomain("0000:01:00.1", kComputeDomain),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/@audio", "PciVisibility.*",
                 "PciDevice.*/@audio"},
       .says = {{"PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned", "0 PCI functions with id 10de:22bd"},
                {"PciVisibility.NoOtherNvidiaFunctionIsThere", "1 NVIDIA functions"}}},
      {.id = "N3",
       .name = "the GPU is another model than planned",
       .cluster_file = "s/\"2684\"/\"2704\"/",
       .fails = {"PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned", "PciDevice.HasThePlannedId/@gpu"},
       .says = {{"PciDevice.HasThePlannedId/@gpu", "reads 10de:2684 in the node, expected 10de:2704"}}},
      {.id = "N3b",
       .name = "a function of another kind than planned stands at the GPU's address",
       .cluster_file = "s/\"audio\"/\"storage\"/",
       .fails = {"PciDevice.HasTheClassOfItsType/@audio"},
       .says = {{"PciDevice.HasTheClassOfItsType/@audio", "expected"}}},
      {.id = "N4",
       .name = "one GPU fewer than planned",
       .cluster = FaultCluster::kTwoNodes,
       .on_host = UnplugFromDomain("0000:02:00.0", "test-two-gpu-nodes-compute-01"),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/hpc_compute_01_0000_02_00_0",
                 "PciVisibility.*/@node", "PciDevice.*/hpc_compute_01_0000_02_00_0",
                 "GpuDriver.*/hpc_compute_01_0000_02_00_0", "NvidiaSmi.TableHasExactlyThePlannedGpus/@node",
                 "NvidiaSmi.XmlHasExactlyThePlannedGpus/@node", "DeviceFiles.OneForEachGpu/@node"},
       .says = {{"NvidiaSmi.TableHasExactlyThePlannedGpus/@node", "1 GPU, expected 2"},
                {"DeviceFiles.OneForEachGpu/@node", "1 device files of GPUs: /dev/nvidia0, expected 2"}}},
      {.id = "N4b",
       .name = "one GPU more than planned",
       .cluster = FaultCluster::kTwoNodes,
       .cluster_file = "/02:00/d",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "PciVisibility.*/@node",
                 "NvidiaSmi.TableHasExactlyThePlannedGpus/@node", "NvidiaSmi.XmlHasExactlyThePlannedGpus/@node",
                 "DeviceFiles.OneForEachGpu/@node"},
       .says = {{"PciVisibility.NoOtherNvidiaFunctionIsThere/@node", "4 NVIDIA functions"},
                {"NvidiaSmi.XmlHasExactlyThePlannedGpus/@node", "expected 1"}}},
      {.id = "N5",
       .name = "two nodes have each other's GPUs",
       .cluster = FaultCluster::kTwoNodes,
       .cluster_file = "s/:01:00/:x:00/; s/:03:00/:01:00/; s/:x:00/:03:00/",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/hpc_compute_*", "PciDevice.*/hpc_compute_01_0000_03_*",
                 "PciDevice.*/hpc_compute_02_0000_01_*", "GpuDriver.*/hpc_compute_01_0000_03_*",
                 "GpuDriver.*/hpc_compute_02_0000_01_*"},
       .says = {{"HostDomain.HasExactlyThePlannedDevices/hpc_compute_02",
                 "a <hostdev> for 0000:03:00.0, which is not planned for it"}}},
      {.id = "N6",
       .name = "the GPU does not answer any more: its config space reads all ones",
       .in_node = std::string("# the bus below the GPU's root port gets another number, so that nothing answers\n") +
                  kFindGpu +
                  "port=$(dirname \"$(readlink -f \"$gpu\")\")\n"
                  "printf '\\377' | dd of=\"$port/config\" bs=1 seek=25 conv=notrunc\n",
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu", "PciDevice.BarsAreAssigned/@gpu", "NvidiaSmi.*"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "its config space reads all ones"}}},
      {.id = "N7",
       .name = "a BAR of the GPU has no address",
       .in_node = kFindGpu + CoverFile("$gpu/resource", "1s/^0x[0-9a-f]*/0x0000000000000000/"),
       .fails = {"PciDevice.BarsAreAssigned/@gpu"},
       .says = {{"PciDevice.BarsAreAssigned/@gpu", "BAR 0 has no address assigned"}}},
  };
}

}  // namespace passthrough
