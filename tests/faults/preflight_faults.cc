// What the host can lack before anything is deployed. The suite says so and creates nothing: every check fails.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// Every check of the run; what the teardown finds is no check.
const std::vector<std::string> kEverything = {"*", "-Environment.*"};
// Nothing was created: the deployer would have left a network.
constexpr char kNothingCreated[] = "! virsh net-info test-hpc-pcie-minimal-network 2>/dev/null";
// Each directory of sysfs is covered by a copy of what libvirt reads there; those below a bridge after it.
constexpr char kHideIommuGroups[] = R"(# libvirt is shown a sysfs in which no PCI function has an IOMMU group
for link in /sys/bus/pci/devices/*; do readlink -f "$link"; done | sort >/tmp/functions
while read -r function; do
  copy=$(mktemp -d)
  chmod 755 "$copy"
  for file in config class vendor device subsystem_vendor subsystem_device revision irq resource uevent; do
    cp "$function/$file" "$copy/"
  done
  for link in driver subsystem; do
    if [ -L "$function/$link" ]; then cp -P "$function/$link" "$copy/"; fi
  done
  for below in "$function"/0000:*; do
    if [ -d "$below" ]; then mkdir "$copy/${below##*/}" "/tmp/${below##*/}"; mount --bind "$below" "/tmp/${below##*/}"; fi
  done
  mount --bind "$copy" "$function"
  for below in "$function"/0000:*; do
    if [ -d "$below" ]; then mount --bind "/tmp/${below##*/}" "$below"; fi
  done
done </tmp/functions
)";
constexpr char kAnyCheck[] = "Node.IsThereAsPlanned/hpc_controller";

}  // namespace

std::vector<Fault> PreflightFaults() {
  std::vector<Fault> faults = {
      {.id = "H1",
       .name = "the host's IOMMU is off",
       .on_host = kHideIommuGroups,
       .says = {{kAnyCheck, "IOMMU is off"}, {kAnyCheck, "intel_iommu=on"}}},
      {.id = "H2",
       .name = "the GPU's group is not viable: its audio function stays with a driver of the host's",
       .cluster_file = "/Its audio function/,/\"22bd\"/d",
       .says = {{kAnyCheck, "also holds 0000:01:00.1"}, {kAnyCheck, "which is bound to snd_hda_intel"}}},
      {.id = "H3",
       .name = "a planned device does not exist",
       .cluster_file = "s/0000:01:00/0000:09:00/",
       .says = {{kAnyCheck, "gpu 0000:09:00.0 of hpc_compute_01"},
                {kAnyCheck, "the host has no PCI function at that address"}}},
      {.id = "H3b",
       .name = "a planned device has other ids than planned",
       .profile = "s/^emulated_devices: true/emulated_devices: false/",
       .says = {{kAnyCheck, "the cluster file says 10de:2684"}}},
      {.id = "H4",
       .name = "another running domain has the GPU",
       .on_host = "# a domain \"windows\" of somebody else's, with the GPU\n" +
                  WriteSmallDomain("windows",
                                   "<hostdev mode=\"subsystem\" type=\"pci\" managed=\"yes\"><source>"
                                   "<address domain=\"0\" bus=\"1\" slot=\"0\" function=\"0\"/>"
                                   "</source></hostdev>") +
                  "virsh -q nodedev-detach pci_0000_01_00_1\n"
                  "virsh -q create --paused /tmp/windows.xml\n",
       .says = {{kAnyCheck, "domain windows has it (paused)"}}},
  };
  for (Fault& fault : faults) {
    fault.mode = FaultMode::kDeploy;
    fault.fails = kEverything;
    fault.afterwards = kNothingCreated;
  }
  return faults;
}

}  // namespace passthrough
