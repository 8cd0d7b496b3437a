// What a GPU may not survive: the suite's own disruptive checks do it to the node. Each fault runs its part of them
// alone, for they cost a node's boot.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {
namespace {

// With the suites of makers that belong to it.
std::vector<std::string> Only(const std::string& suite) {
  return {"--disruptive", "--target-vm", "hpc_compute_01", "--gtest_filter=" + suite + "*"};
}

// From now on the node's kernel does not hear of what is plugged and unplugged: QEMU announces it by this event
// (docs/specs/acpi_pci_hotplug.rst).
constexpr char kDeafToHotplug[] =
    "# the node does not hear of hot plug any more\n"
    "echo disable >/sys/firmware/acpi/interrupts/gpe01";

}  // namespace

std::vector<Fault> DisruptiveFaults() {
  return {
      {.id = "N28",
       .name = "the GPU is gone after a reboot",
       .in_node = kDeafToHotplug,
       .on_host = AskToUnplug("0000:01:00.0", kComputeDomain),
       .suite_options = Only("DisruptiveReboot"),
       .fails = {"DisruptiveReboot*.*", "-DisruptiveReboot.NodeComesBack"},
       .says = {{"DisruptiveReboot.GpusComeBack", "after reboot 1: GPU 0000:01:00.0 is not on the node's PCI bus"},
                {"DisruptiveRebootNvidia.DriverIsBoundAgain", "after reboot 1"},
                {"DisruptiveRebootNvidia.NvidiaSmiIsFineAgain", "after reboot 1"}}},
      {.id = "N28b",
       .name = "the node does not come back from a reboot",
       .on_host = fmt::format("virsh -q set-lifecycle-action {} reboot destroy --live", kComputeDomain),
       .suite_options = Only("DisruptiveReboot"),
       .fails = {"DisruptiveReboot*.*"},
       .says = {{"DisruptiveReboot.NodeComesBack", "it did not come back within"}}},
      {.id = "N28c",
       .name = "the driver does not take the GPU a second time, after remove and rescan",
       .in_node = "echo 1 >/sys/module/nvidia/parameters/fail_probe",
       .suite_options = Only("DisruptiveRescan"),
       .fails = {"DisruptiveRescan*.*", "-DisruptiveRescan.GpusComeBack"},
       .says = {{"DisruptiveRescanNvidia.DriverIsBoundAgain", "after remove and rescan"},
                {"DisruptiveRescanNvidia.NvidiaSmiIsFineAgain", "after remove and rescan"}}},
      {.id = "N28d",
       .name = "the GPU does not come back from remove and rescan",
       .in_node = "# the kernel's file for a rescan covered, so that it finds nothing\n"
                  "touch /tmp/rescan\nmount -o bind /tmp/rescan /sys/bus/pci/rescan\n",
       .suite_options = Only("DisruptiveRescan"),
       .fails = {"DisruptiveRescan*.*"},
       .says = {{"DisruptiveRescan.GpusComeBack", "is not on the node's PCI bus"}}},
      {.id = "N29",
       .name = "the node goes on believing in a GPU that was unplugged",
       .in_node = kDeafToHotplug,
       .suite_options = Only("DisruptiveUnplug"),
       .fails = {"DisruptiveUnplug.NodeForgetsTheGpus", "DisruptiveUnplug.GpusComeBack"},
       .says = {{"DisruptiveUnplug.NodeForgetsTheGpus", "the node still lists GPU"},
                {"DisruptiveUnplug.GpusComeBack", "after replug"}}},
      {.id = "N29b",
       .name = "the driver does not take the GPU that was plugged in again",
       .in_node = "echo 1 >/sys/module/nvidia/parameters/fail_probe",
       .suite_options = Only("DisruptiveUnplug"),
       .fails = {"DisruptiveUnplugNvidia.DriverIsBoundAgain", "DisruptiveUnplugNvidia.NvidiaSmiIsFineAgain"},
       .says = {{"DisruptiveUnplugNvidia.DriverIsBoundAgain", "after replug"},
                {"DisruptiveUnplugNvidia.NvidiaSmiIsFineAgain", "after replug"}}},
  };
}

}  // namespace passthrough
