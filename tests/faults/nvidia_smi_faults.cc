// What nvidia-smi can say, and how it can fail to.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

std::vector<Fault> NvidiaSmiFaults() {
  return {
      {.id = "N13",
       .name = "nvidia-smi hangs in the kernel",
       .in_node = "echo Y >/sys/module/nvidia/parameters/hang_smi",
       .fails = {"NvidiaSmi.*"},
       .says = {{"NvidiaSmi.AnswersWithExitStatusZero", "time limit of 30 s"}}},
      {.id = "N14",
       .name = "the GPU is lost: \"Unable to determine the device handle\"",
       .in_node = "echo 0 >/sys/module/nvidia/parameters/lost_gpu",
       .fails = {"NvidiaSmi.*", "DeviceFiles.SshUserCanOpenThem"},
       .says = {{"NvidiaSmi.AnswersWithExitStatusZero", "exit status 15"}}},
      {.id = "N14b",
       .name = "nvidia-smi exits 0 with ERR! in its table",
       .in_node = CoverNvidiaSmi("s/  0%/ERR!/"),
       .fails = {"NvidiaSmi.TableHasNoErrorText"},
       .says = {{"NvidiaSmi.TableHasNoErrorText", "ERR!"}}},
      {.id = "N14c",
       .name = "nvidia-smi -q -x exits 0 with Unknown Error in a field",
       .in_node = CoverNvidiaSmi("s/<pci_bus>.*</<pci_bus>Unknown Error</"),
       .fails = {"NvidiaSmi.XmlHasNoErrorText"},
       .says = {{"NvidiaSmi.XmlHasNoErrorText", "Unknown Error"}}},
      {.id = "N15",
       .name = "the table looks normal, and the exit status is 14: a corrupt InfoROM",
       .in_node = "echo 14 >/sys/module/nvidia/parameters/smi_exit",
       .fails = {"NvidiaSmi.AnswersWithExitStatusZero", "NvidiaSmi.AnswersInXmlWithExitStatusZero"},
       .says = {{"NvidiaSmi.AnswersWithExitStatusZero", "exit status 14"},
                {"NvidiaSmi.AnswersInXmlWithExitStatusZero", "exit status 14"}}},
      {.id = "N16",
       .name = "nvidia-smi's bus id is not the PCI bus's",
       .in_node = CoverNvidiaSmi("s/00000000:01:00.0/00000000:07:00.0/"),
       .fails = {"NvidiaSmi.BusIdsAreThoseOfThePciBus"},
       .says = {{"NvidiaSmi.BusIdsAreThoseOfThePciBus", "0000:07:00.0"}}},
  };
}

}  // namespace passthrough
