// What can be wrong on the host while the nodes run.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

std::vector<Fault> HostFaults() {
  return {
      {.id = "H2b",
       .name = "while the node runs, its device's group holds a function on a driver of the host's",
       .on_host = "# libvirt sees the lab host's own disk as a member of the GPU's IOMMU group\n"
                  "group=$(readlink -f /sys/bus/pci/devices/0000:01:00.0/iommu_group)/devices\n"
                  "members=$(ls \"$group\")\n"
                  "disk=$(ls /sys/bus/pci/drivers/virtio-pci | grep ^0000: | head -n 1)\n"
                  "mount -t tmpfs none \"$group\"\n"
                  "for one in $members $disk; do ln -s \"/sys/bus/pci/devices/$one\" \"$group/$one\"; done\n",
       .fails = {"HostDevice.IommuGroupIsViable"},
       .says = {{"HostDevice.IommuGroupIsViable/@gpu", "which is bound to virtio-pci"}}},
      {.id = "H5",
       .name = "a function is taken from vfio-pci while the node runs",
       .on_host = "echo 0000:01:00.1 >/sys/bus/pci/drivers/vfio-pci/unbind",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "HostDevice.IsOnVfioPci/@audio", "PciVisibility.*",
                 "PciDevice.*/@audio"},
       .says = {{"HostDevice.IsOnVfioPci/@audio", "expected vfio-pci"}}},
      {.id = "H6",
       .name = "the domain has a device that is not planned for it",
       .cluster_file = "/Its audio function/,/\"22bd\"/d",
       .fails = {"HostDomain.HasExactlyThePlannedDevices/@node", "PciVisibility.NoOtherFunctionOfGpuMakersIsThere"},
       .says = {{"HostDomain.HasExactlyThePlannedDevices/@node",
                 "a <hostdev> for 0000:01:00.1, which is not planned for it"}}},
      {.id = "H6b",
       .name = "the domain's definition has lost its devices: they are gone at its next start",
       .on_host =
           fmt::format("# the persistent XML without <hostdev>\n"
                       "virsh -q dumpxml --inactive {0} | sed '/<hostdev/,/<\\/hostdev>/d' >/tmp/definition.xml\n"
                       "virsh -q define /tmp/definition.xml\n"
                       "virsh -q dumpxml {0} | grep -q '<hostdev'\n",
                       kComputeDomain),
       .fails = {"HostDomain.KeepsItsDevices/@node"},
       .says = {{"HostDomain.KeepsItsDevices/@node", "0000:01:00.0 now and not in its definition"},
                {"HostDomain.KeepsItsDevices/@node", "0000:01:00.1 now and not in its definition"}}},
      {.id = "H7f",
       .name = "a second domain has the node's MAC",
       .on_host = WriteSmallDomain("copy",
                                   "<interface type=\"network\"><mac address=\"MAC\"/>"
                                   "<source network=\"test-hpc-pcie-minimal-network\"/></interface>") +
                  fmt::format("mac=$(virsh -q domiflist {} | awk '{{ print $5; exit }}')\n"
                              "sed -i \"s/MAC/$mac/\" /tmp/copy.xml\n"
                              "virsh -q define /tmp/copy.xml\n",
                              kComputeDomain),
       .fails = {"HostDomain.HasItsMacAlone/@node"},
       .says = {{"HostDomain.HasItsMacAlone/@node", "domain copy (shut off) has MAC"}}},
      {.id = "H7d",
       .name = "a node is paused",
       .on_host = fmt::format("virsh -q suspend {}", kComputeDomain),
       .fails = {"Node.IsThereAsPlanned/@node", "NodeIdentity.*/@node", "@probes", "-NodeHealth.*/hpc_controller",
                 "-NodeIdentity.*/hpc_controller"},
       .says = {{"Node.IsThereAsPlanned/@node", "is paused, expected running"}}},
      {.id = "H7g",
       .name = "a domain crashes between the probes and the look at the host",
       .mode = FaultMode::kReplay,
       .in_evidence =
           fmt::format("sed -i '/\"name\": \"{}\"/,/\"state\"/s/\"state\": \"running\"/\"state\": \"crashed\"/' "
                       "evidence/host/running.json",
                       kComputeDomain),
       .fails = {"Node.IsThereAsPlanned/@node"},
       .says = {{"Node.IsThereAsPlanned/@node", "was running, and crashed when the host was looked at"}}},
      {.id = "H7e",
       .name = "the host has a domain of the cluster that is not planned",
       .on_host = WriteSmallDomain("test-hpc-pcie-minimal-compute-07") +
                  "virsh -q define /tmp/test-hpc-pcie-minimal-compute-07.xml\n",
       .fails = {"Cluster.HasNoUnplannedVm"},
       .says = {{"Cluster.HasNoUnplannedVm", "test-hpc-pcie-minimal-compute-07"}}},
  };
}

}  // namespace passthrough
