// The lab host's PCI topology: for every address that a cluster file names, a function at exactly
// that address. Pure functions: a plan in, QEMU arguments out.
#pragma once

#include <string>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/config/plan.h"

namespace passthrough {

// What a storage device of the cluster file is in a lab: an NVMe disk, which QEMU can neither save nor restore, so that
// such a lab is booted each time; or, where the file gives the device virtio's ids (1af4:1042), a virtio disk, which it
// can.
enum class StorageModel { kNvme, kVirtio };

// What a network device of the cluster file is in a lab: a card with nothing at the other end of its cable, and no
// driver in the lab's nodes; or, where the file gives the device virtio's ids (1af4:1041), a virtio card, which its
// node drives. All virtio cards of a lab are on one segment, so frames cross from node to node.
enum class NetworkModel { kE1000e, kVirtio };

// One emulated function of the lab host.
struct LabFunction {
  PciAddress address;
  DeviceType type = DeviceType::kOther;
  StorageModel storage = StorageModel::kNvme;    // where it is one
  NetworkModel network = NetworkModel::kE1000e;  // where it is one
  // Not asked for, but needed to make its neighbours visible: function 0 of a device that has only
  // others, device 0 of a bus that has only others. Has no driver, so it spoils no IOMMU group.
  bool filler = false;
  bool operator==(const LabFunction&) const = default;
};

// The planned functions and the fillers they need, sorted by address. Throws Error where an address
// cannot be had in a lab: another domain than 0000, a place that the machine's own chipset has, or
// two nodes that want different types at one address.
std::vector<LabFunction> LabFunctions(const Plan& plan);

// The file of a storage function's disk, in the lab's directory: "disk-0000-05-00-0.raw".
std::string LabDiskFile(const PciAddress& address);

// The address of a network function's virtio card: "52:54:01:05:00:00". No other card of a lab begins so.
std::string LabMacAddress(const PciAddress& address);

struct LabTopology {
  std::vector<LabFunction> functions;
  // "-device", "pcie-root-port,…", …: everything but the machine and its own disk, network and
  // entropy devices.
  std::vector<std::string> arguments;
  // Free places on pcie.0 for those, as QEMU's addr= wants them: "1.0".
  std::string disk_address;
  std::string network_address;
  std::string entropy_address;
};

// How it is done (tried with QEMU 7.2, SeaBIOS and Linux 6.1): every bus but 0 is the secondary bus
// of a root port, as on real machines. The firmware numbers buses in the order in which it meets
// them, so a run of planned buses S, S+1, … is made of root ports next to each other on bus S-1:
// that is bus 0, or the bus of an expander bridge (pxb-pcie), whose number can be chosen. QEMU
// refuses end points on the expander's own bus. Below a root port Linux looks for device 0 alone
// unless the kernel has the parameter pci=pcie_scan_all (see machine.h), and then only if device 0 is there.
// Throws as LabFunctions does, also where bus 0 has no place left.
LabTopology MakeLabTopology(const Plan& plan);

}  // namespace passthrough
