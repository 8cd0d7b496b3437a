// What can be wrong with a node as a machine.
#include <fmt/format.h>

#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

std::vector<Fault> NodeFaults() {
  return {
      {.id = "N30",
       .name = "another machine answers at the node's address",
       .in_node = CoverFile("/sys/class/dmi/id/product_uuid", "s/.*/00000000-1111-2222-3333-444444444444/"),
       .fails = {"NodeIdentity.IsTheDomainItClaimsToBe/@node"},
       .says = {{"NodeIdentity.IsTheDomainItClaimsToBe/@node", "has UUID 00000000-1111-2222-3333-444444444444"}}},
      {.id = "N30b",
       .name = "the node has another address than configured",
       .cluster_file = "s/192.168.140.11/192.168.140.12/",
       .fails = {"NodeIdentity.HasItsConfiguredAddress/@node"},
       .says = {{"NodeIdentity.HasItsConfiguredAddress/@node",
                 "it has 192.168.140.11 (lease), expected 192.168.140.12"}}},
      {.id = "N20",
       .name = "a Xid in the kernel's log",
       .in_node = SayInKernelLog("NVRM: Xid (PCI:0000:01:00): 79, pid=1234, GPU has fallen off the bus."),
       .fails = {"NvidiaKernelMessages.HaveNoXid"},
       .says = {{"NvidiaKernelMessages.HaveNoXid", "reported Xid 79"}}},
      {.id = "N20b",
       .name = "the GPU fell off the bus, and the log does not say Xid",
       .in_node = SayInKernelLog("NVRM: GPU at PCI:0000:01:00: GPU has fallen off the bus."),
       .fails = {"KernelMessages.HaveNoLostDevice"},
       .says = {{"KernelMessages.HaveNoLostDevice", "has fallen off the bus"}}},
      {.id = "N31",
       .name = "the node was reset and booted again",
       .on_host = fmt::format("virsh -q reset {}\nsleep 3", kComputeDomain),
       .fails = {"NodeHealth.BootedOnce/@node"},
       .says = {{"NodeHealth.BootedOnce/@node", "it began anew once without having been shut down"}}},
      {.id = "N31b",
       .name = "the node's console has a kernel panic",
       .in_node = "echo 'Kernel panic - not syncing: Fatal exception in interrupt' >/dev/console",
       .fails = {"NodeHealth.BootedOnce/@node"},
       .says = {{"NodeHealth.BootedOnce/@node", "its kernel crashed"}}},
      {.id = "N31c",
       .name = "the node's kernel met a bug of its own and went on",
       // Not of a level that its console shows.
       .in_node = "# kernel log: BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
                  "echo '<6>BUG: kernel NULL pointer dereference, address: 0000000000000008' >/dev/kmsg\n",
       .fails = {"NodeHealth.KernelHasNotFailed/@node"},
       .says = {{"NodeHealth.KernelHasNotFailed/@node", "kernel NULL pointer dereference"}}},
      {.id = "N33",
       .name = "the command that says when a node is set up fails on it",
       .mode = FaultMode::kDeploy,
       .profile = "$a ready: [sh, -c, \"! lspci -n | grep 10de:\"]",
       .fails = {"NodeHealth.IsSetUp/@node"},
       .says = {{"NodeHealth.IsSetUp/@node", "ended with exit status 1, and says: "},
                {"NodeHealth.IsSetUp/@node", "10de:"}}},
      {.id = "N32",
       .name = "the node's root file system is read-only",
       // The initramfs is its root, which cannot be mounted anew.
       .in_node = "mount -t tmpfs -o ro none /",
       .fails = {"NodeHealth.RootFileSystemIsWritable/@node"},
       .says = {{"NodeHealth.RootFileSystemIsWritable/@node", "root file system is read-only"}}},
      {.id = "N32b",
       .name = "the node's file system of temporary files is full",
       .in_node = "mount -o remount,size=900k /tmp",
       .fails = {"NodeHealth.DiskHasSpace/@node"},
       .says = {{"NodeHealth.DiskHasSpace/@node", "KiB free, expected 1024 at least"}}},
      {.id = "N32c",
       .name = "the node's clock jumped by a day",
       .in_node = "date -s \"@$(($(date +%s) + 86400))\"",
       .fails = {"NodeHealth.ClockIsRight/@node"},
       .says = {{"NodeHealth.ClockIsRight/@node", "its clock was set since its boot"}}},
  };
}

}  // namespace passthrough
