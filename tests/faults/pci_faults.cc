// What can be wrong with the functions on a node's PCI bus.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// In a node: the config space of its first GPU as sysfs shows it, with other bytes (in octal, as printf takes them).
std::string CoverConfig(int offset, const std::string& bytes) {
  return fmt::format(
             "# the GPU's config space covered by another file: what stands at {} is written over\n"
             "offset={}; bytes='{}'\n",
             offset, offset, bytes) +
         kFindGpu +
         "cover=$(mktemp)\n"
         "cat \"$gpu/config\" >\"$cover\"\n"
         "printf \"$bytes\" | dd of=\"$cover\" bs=1 seek=\"$offset\" conv=notrunc\n"
         "chmod 644 \"$cover\"\n"
         "mount -o bind \"$cover\" \"$gpu/config\"\n";
}

std::string Repeated(const std::string& byte, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += byte;
  return bytes;
}

// In a node: the lower byte of the command register of its first GPU, as setpci would write it.
std::string WriteCommand(const std::string& byte, const std::string& comment) {
  return "# " + comment + "\n" + kFindGpu + "printf '" + byte + "' | dd of=\"$gpu/config\" bs=1 seek=4 conv=notrunc\n";
}

}  // namespace

// Which functions are there.
std::vector<Fault> PciPresenceFaults() {
  return {
      {.id = "N1",
       .name = "the GPU is not in the node",
       .on_host = UnplugFromDomain("0000:01:00.0", kComputeDomain),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/@gpu", "PciVisibility.*",
                 "PciDevice.*/@gpu", "GpuDriver.*", "@smi", "DeviceFiles.OneForEachGpu"},
       .says = {{"HostDomain.HasExactlyThePlannedDevices/@node", "no <hostdev> for 0000:01:00.0"},
                {"PciDevice.IsWhereLibvirtAttachedIt/@gpu", "GPU 0000:01:00.0 is not attached to domain"}}},
      {.id = "N2",
       .name = "the GPU's audio function did not arrive",
       .on_host = UnplugFromDomain("0000:01:00.1", kComputeDomain),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/@audio", "PciVisibility.*",
                 "PciDevice.*/@audio"},
       .says = {{"PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned", "0 PCI functions with id 10de:22bd"},
                {"PciVisibility.NoOtherFunctionOfGpuMakersIsThere", "1 NVIDIA functions"}}},
      {.id = "N3",
       .name = "the GPU is another model than planned",
       .cluster_file = "s/\"2684\"/\"2704\"/",
       .fails = {"PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned", "PciDevice.HasThePlannedId/@gpu"},
       .says = {{"PciDevice.HasThePlannedId/@gpu", "reads 10de:2684 in the node, expected 10de:2704"}}},
      {.id = "N3b",
       .name = "a function of another kind than planned stands at a device's address",
       .cluster = FaultCluster::kDevices,
       .cluster_file = "s/\"storage\"/\"network\"/",
       .fails = {"PciDevice.HasTheClassOfItsType/@disk", "NetworkWork.*/@disk"},
       .says = {{"PciDevice.HasTheClassOfItsType/@disk", "expected"},
                {"NetworkWork.HasAnInterface/@disk", "where no network controller is"}}},
      {.id = "N4",
       .name = "one GPU fewer than planned",
       .cluster = FaultCluster::kTwoNodes,
       .on_host = UnplugFromDomain("0000:02:00.0", "test-two-gpu-nodes-compute-01"),
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/hpc_compute_01_0000_02_00_0",
                 "PciVisibility.*/@node", "PciDevice.*/hpc_compute_01_0000_02_00_0",
                 "GpuDriver.*/hpc_compute_01_0000_02_00_0", "NvidiaSmi.TableHasExactlyThePlannedGpus/@node",
                 "NvidiaSmi.TableAndXmlAgreeOnEcc/@node", "NvidiaSmi.XmlHasExactlyThePlannedGpus/@node",
                 "GpuHealth.*/@node", "GpuLink.*/hpc_compute_01_0000_02_00_0", "DeviceFiles.OneForEachGpu/@node"},
       .says = {{"NvidiaSmi.TableHasExactlyThePlannedGpus/@node", "1 GPU, expected 2"},
                {"DeviceFiles.OneForEachGpu/@node", "1 device files of GPUs: /dev/nvidia0, expected 2"}}},
      {.id = "N4b",
       .name = "one GPU more than planned",
       .cluster = FaultCluster::kTwoNodes,
       .cluster_file = "/02:00/d",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "PciVisibility.*/@node",
                 "NvidiaSmi.TableHasExactlyThePlannedGpus/@node", "NvidiaSmi.XmlHasExactlyThePlannedGpus/@node",
                 "DeviceFiles.OneForEachGpu/@node"},
       .says = {{"PciVisibility.NoOtherFunctionOfGpuMakersIsThere/@node", "4 NVIDIA functions"},
                {"NvidiaSmi.XmlHasExactlyThePlannedGpus/@node", "expected 1"}}},
      {.id = "N5",
       .name = "two nodes have each other's GPUs",
       .cluster = FaultCluster::kTwoNodes,
       .cluster_file = "s/:01:00/:x:00/; s/:03:00/:01:00/; s/:x:00/:03:00/",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/hpc_compute_*", "PciDevice.*/hpc_compute_01_0000_03_*",
                 "PciDevice.*/hpc_compute_02_0000_01_*", "GpuDriver.*/hpc_compute_01_0000_03_*",
                 "GpuDriver.*/hpc_compute_02_0000_01_*", "GpuLink.*/hpc_compute_01_0000_03_*",
                 "GpuLink.*/hpc_compute_02_0000_01_*"},
       .says = {{"HostDomain.HasExactlyThePlannedDevices/hpc_compute_02",
                 "a <hostdev> for 0000:03:00.0, which is not planned for it"}}},
  };
}

// What a function that is there says of itself.
std::vector<Fault> PciFunctionFaults() {
  return {
      {.id = "N6",
       .name = "the GPU does not answer any more: its config space reads all ones",
       .in_node = std::string("# the bus below the GPU's root port gets another number, so that nothing answers\n") +
                  kFindGpu +
                  "port=$(dirname \"$(readlink -f \"$gpu\")\")\n"
                  "printf '\\377' | dd of=\"$port/config\" bs=1 seek=25 conv=notrunc\n",
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu", "PciDevice.BarsAreAssigned/@gpu", "@smi", "-GpuUuids.*",
                 "DeviceFiles.SshUserCanOpenThem"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "its config space reads all ones"}}},
      {.id = "N6b",
       .name = "part of the GPU's config space reads ones",
       .in_node = CoverConfig(0x10, Repeated("\\377", 16)),
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "it answers in part: its config space reads ones at 0x10"}}},
      {.id = "N6c",
       .name = "the GPU has lost its BARs in a reset",
       .in_node = CoverConfig(0x10, Repeated("\\000", 24)),
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "BAR 0 reads 0, the kernel gave it"}}},
      {.id = "N6d",
       .name = "another device answers where the kernel found the GPU",
       .in_node = CoverConfig(0x02, "\\004\\047"),
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "reads 10de:2704, the kernel found 10de:2684 there"}}},
      {.id = "N6e",
       .name = "the GPU's config space reads all zeros",
       .in_node = CoverConfig(0x00, Repeated("\\000", 64)),
       .fails = {"PciDevice.ConfigSpaceIsAlive/@gpu"},
       .says = {{"PciDevice.ConfigSpaceIsAlive/@gpu", "its config space reads all zeros"}}},
      {.id = "N7",
       .name = "a BAR of the GPU has no address",
       .in_node = kFindGpu + CoverFile("$gpu/resource", "1s/0x[0-9a-f]*/0x0000000000000000/g"),
       .fails = {"PciDevice.BarsAreAssigned/@gpu"},
       .says = {{"PciDevice.BarsAreAssigned/@gpu", "the device has a BAR 0"}}},
      {.id = "N7b",
       .name = "the kernel found no space for a BAR",
       .in_node = std::string(kFindGpu) +
                  "# kernel log: the GPU's BAR 1: no space\n"
                  "echo \"<6>pci ${gpu##*/}: BAR 1: no space for [mem size 0x10000000 64bit pref]\" >/dev/kmsg\n",
       .fails = {"KernelMessages.HaveNoBarWithoutSpace"},
       .says = {{"KernelMessages.HaveNoBarWithoutSpace", "found no space"}}},
  };
}

// Errors on its link, and what the link can do.
std::vector<Fault> PciLinkFaults() {
  return {
      {.id = "N21",
       .name = "an uncorrected PCIe error in the kernel's log",
       .in_node = SayInKernelLog("pcieport 0000:00:02.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0"),
       .fails = {"KernelMessages.HaveNoPcieError"},
       .says = {{"KernelMessages.HaveNoPcieError", "AER: Uncorrected (Fatal)"}}},
      {.id = "N21b",
       .name = "the GPU's counters of uncorrected PCIe errors are not 0",  // no emulated function has them
       .mode = FaultMode::kReplay,
       .in_evidence = "sed -i '/^device: 0x2684/a aer_fatal: 2 MalfTLP=2' evidence/hpc_compute_01/pci.txt",
       .fails = {"PciDevice.HasNoUncorrectedPcieError/@gpu"},
       .says = {{"PciDevice.HasNoUncorrectedPcieError/@gpu", "2 uncorrected PCIe errors (fatal)"}}},
      {.id = "N22",
       .name = "the link is narrower than the GPU and its slot can have it",
       .in_node =
           kFindGpu + CoverFile("$gpu/max_link_width", "s/.*/16/") + CoverFile("$gpu/current_link_width", "s/.*/4/"),
       .fails = {"PciDevice.LinkHasAllItsLanes/@gpu"},
       .says = {{"PciDevice.LinkHasAllItsLanes/@gpu", "has 4 lanes, it can have 16"}}},
      {.id = "N22d",
       .name = "the link has more lanes than it can have",
       .in_node = kFindGpu + CoverFile("$gpu/current_link_width", "s/.*/32/"),
       .fails = {"PciDevice.LinkIsOneThatPcieHas/@gpu"},
       .says = {{"PciDevice.LinkIsOneThatPcieHas/@gpu", "its link has 32 lanes, and can have 1 at most"}}},
      {.id = "N22e",
       .name = "the link has a speed that PCI Express has not",
       .in_node = kFindGpu + CoverFile("$gpu/max_link_speed", "s,.*,17.0 GT/s PCIe,"),
       .fails = {"PciDevice.LinkIsOneThatPcieHas/@gpu"},
       .says = {{"PciDevice.LinkIsOneThatPcieHas/@gpu", "max_link_speed is 17.0 GT/s PCIe, which no PCIe link has"}}},
      {.id = "N25",
       .name = "a node with two NUMA nodes has its GPU, with its audio function, on the one without processors",
       .in_node =
           "# sysfs of a machine with two NUMA nodes, one without processors, where both functions of the GPU are\n" +
           CoverFile("/sys/devices/system/node/online", "s/.*/0-1/") +
           CoverFile("/sys/devices/system/node/has_cpu", "s/.*/0/") +
           "for class in /sys/bus/pci/devices/*/class; do\n"
           "  case $(cat \"$class\") in 0x03*|0x0403*) function=${class%/class} ;; *) continue ;; esac\n" +
           CoverFile("$function/numa_node", "s/.*/1/") + "done\n",
       .fails = {"PciDevice.IsNearAProcessor/@gpu", "PciDevice.IsNearAProcessor/@audio"},
       .says = {{"PciDevice.IsNearAProcessor/@gpu", "is on NUMA node 1, which has no processors"}}},
  };
}

// Whether a function is as its driver needs it.
std::vector<Fault> DriverUseFaults() {
  return {
      {.id = "N8d",
       .name = "the GPU does not decode memory addresses, though its driver is bound",
       .in_node = WriteCommand("\\005", "the GPU's command register: memory space off, as setpci would write it"),
       .fails = {"PciDevice.IsEnabledForItsDriver/@gpu"},
       .says = {{"PciDevice.IsEnabledForItsDriver/@gpu", "it does not decode memory addresses"}}},
      {.id = "N8e",
       .name = "bus mastering of the GPU is off, though its driver is bound",
       .in_node = WriteCommand("\\003", "the GPU's command register: bus master off, as setpci would write it"),
       .fails = {"PciDevice.IsEnabledForItsDriver/@gpu"},
       .says = {{"PciDevice.IsEnabledForItsDriver/@gpu", "bus mastering is off"}}},
      {.id = "N8f",
       .name = "the kernel has the GPU disabled, though its driver is bound",
       .in_node = kFindGpu + CoverFile("$gpu/enable", "s/.*/0/"),
       .fails = {"PciDevice.IsEnabledForItsDriver/@gpu"},
       .says = {{"PciDevice.IsEnabledForItsDriver/@gpu", "the kernel has it disabled (enable is 0)"}}},
      {.id = "N8g",
       .name = "the GPU is kept for another driver: driver_override",
       .in_node = std::string("# the GPU's driver_override is vfio-pci, and it is unbound from the driver nvidia\n") +
                  kFindGpu +
                  "echo vfio-pci >\"$gpu/driver_override\"\n"
                  "echo \"${gpu##*/}\" >/sys/bus/pci/drivers/nvidia/unbind\n",
       .fails = {"PciDevice.IsLeftToItsDriver/@gpu", "GpuDriver.IsNvidia", "@smi", "DeviceFiles.OneForEachGpu"},
       .says = {{"PciDevice.IsLeftToItsDriver/@gpu", "has no driver, and may have none but vfio-pci"}}},
      {.id = "N8h",
       .name = "the GPU's audio function has lost its driver",
       .mode = FaultMode::kReplay,
       .in_evidence = "# the kernel has the driver snd_hda_intel, and the audio function has none\n"
                      "sed -i 's/^pci_drivers:/& snd_hda_intel/' evidence/hpc_compute_01/pci.txt\n",
       .fails = {"PciDevice.IsLeftToItsDriver/@audio"},
       .says = {{"PciDevice.IsLeftToItsDriver/@audio",
                 "has no driver, though the kernel has its driver snd_hda_intel"}}},
  };
}

}  // namespace passthrough
