// H1 to H4 of docs/faults.md.
#include "helpers/cluster/device_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "helpers/base/text.h"
#include "helpers/libvirt/iommu_group.h"
#include "helpers/libvirt/virsh_command.h"

namespace passthrough {
namespace {

std::string IdText(uint16_t vendor, uint16_t device) { return fmt::format("{:04x}:{:04x}", vendor, device); }

bool IsOff(const DomainInventory& domain) { return domain.state == "shut off" || domain.state == "crashed"; }

class DeviceChecks {
 public:
  DeviceChecks(const Plan& plan, const Inventory& inventory, bool emulated_devices, const std::string& libvirt_uri)
      : plan_(plan), inventory_(inventory), emulated_devices_(emulated_devices), libvirt_uri_(libvirt_uri) {}

  std::vector<std::string> Run() {
    for (const PlannedNode& node : plan_.nodes) {
      for (const PlannedDevice& device : node.devices) Look(node, device);
    }
    if (!ungrouped_.empty()) ReportMissingGroups();
    return problems_;
  }

 private:
  void Look(const PlannedNode& node, const PlannedDevice& device) {
    const std::string what = fmt::format("{} {} of {} ({})", ToString(device.type), device.host_address.ToString(),
                                         node.name, device.where.ToString());
    const HostPciDevice* found = inventory_.FindPciDevice(device.host_address);
    if (found == nullptr) {
      problems_.push_back(
          fmt::format("{}: the host has no PCI function at that address: compare pci_address in the cluster file with "
                      "lspci -Dnn on the host; a card that was moved to another slot has another address",
                      what));
      return;
    }
    CheckIds(what, device, *found);
    CheckUsers(what, device);
    if (!found->iommu_group) {
      ungrouped_.push_back(what);
    } else {
      CheckGroup(what, node, *found);
    }
  }

  // A lab's devices get the planned ids only in the node.
  void CheckIds(const std::string& what, const PlannedDevice& device, const HostPciDevice& found) {
    if (emulated_devices_) return;
    const uint16_t vendor = device.vendor_id.value_or(found.vendor_id);
    const uint16_t id = device.device_id.value_or(found.device_id);
    if (vendor == found.vendor_id && id == found.device_id) return;
    problems_.push_back(fmt::format(
        "{}: the host has {} there, the cluster file says {}: another card is in that slot, or vendor_id and "
        "device_id in the cluster file are wrong; compare with lspci -Dnn on the host",
        what, IdText(found.vendor_id, found.device_id), IdText(vendor, id)));
  }

  // Domains of the plan itself that are there already are reported by name, with all that is theirs.
  void CheckUsers(const std::string& what, const PlannedDevice& device) {
    for (const DomainInventory& domain : inventory_.domains) {
      if (IsOff(domain) || IsPlanned(domain.name)) continue;
      const bool has_it = std::any_of(domain.hostdevs.begin(), domain.hostdevs.end(), [&](const DomainHostdev& one) {
        return one.host_address == device.host_address;
      });
      if (!has_it) continue;
      problems_.push_back(fmt::format(
          "{}: domain {} has it ({}): shut that domain down first, or plan another device. To shut it down: {}", what,
          domain.name, domain.state, VirshCommand(libvirt_uri_, {"shutdown", domain.name})));
    }
  }

  void CheckGroup(const std::string& what, const PlannedNode& node, const HostPciDevice& found) {
    for (const PciAddress& address : found.iommu_group_members) {
      const PlannedNode* owner = OwnerOf(address, node);
      if (owner == &node) continue;  // it goes the same way; libvirt takes it from its driver
      if (owner != nullptr && owner->auto_start && node.auto_start) {
        problems_.push_back(fmt::format(
            "{}: its IOMMU group {} also holds {}, which the cluster file gives to {}: a group goes to one VM as a "
            "whole; give both to one node, or put one card into another slot",
            what, *found.iommu_group, address.ToString(), owner->name));
      }
    }
    for (const HostPciDevice* member : MembersOnHostDrivers(found, inventory_)) {
      if (OwnerOf(member->address, node) != nullptr) continue;
      problems_.push_back(fmt::format(
          "{}: its IOMMU group {} also holds {} ({}), which is bound to {} on the host, so the group cannot be given "
          "away: pass {} through too (pcie_passthrough.devices), unbind it from {}, or put the card into another slot",
          what, *found.iommu_group, member->address.ToString(), IdText(member->vendor_id, member->device_id),
          member->driver, member->address.ToString(), member->driver));
    }
  }

  // The node that is planned to have `address`: `preferred` where it is one of several.
  const PlannedNode* OwnerOf(const PciAddress& address, const PlannedNode& preferred) const {
    const auto has = [&](const PlannedNode& node) {
      return std::any_of(node.devices.begin(), node.devices.end(),
                         [&](const PlannedDevice& device) { return device.host_address == address; });
    };
    if (has(preferred)) return &preferred;
    const auto found = std::find_if(plan_.nodes.begin(), plan_.nodes.end(), has);
    return found == plan_.nodes.end() ? nullptr : &*found;
  }

  bool IsPlanned(const std::string& domain) const {
    return std::any_of(plan_.nodes.begin(), plan_.nodes.end(), [&](const PlannedNode& node) {
      return std::count(node.domain_names.begin(), node.domain_names.end(), domain) > 0;
    });
  }

  void ReportMissingGroups() {
    const bool any_group = std::any_of(inventory_.pci_devices.begin(), inventory_.pci_devices.end(),
                                       [](const HostPciDevice& one) { return one.iommu_group.has_value(); });
    if (!any_group) {
      problems_.push_back(fmt::format(
          "the host's IOMMU is off: none of its PCI functions is in an IOMMU group, {} included. Switch on VT-d "
          "(Intel) or AMD-Vi, also called IOMMU (AMD), in the firmware's setup; on Intel also put intel_iommu=on on "
          "the kernel's command line; restart the host. dmesg | grep -e DMAR -e AMD-Vi shows whether it is on",
          fmt::join(ungrouped_, ", ")));
      return;
    }
    for (const std::string& what : ungrouped_) {
      problems_.push_back(fmt::format(
          "{}: it is in no IOMMU group, though others of the host's functions are: the IOMMU does not cover it; "
          "look for its slot in the kernel's log (dmesg | grep -e DMAR -e AMD-Vi), or use another slot",
          what));
    }
  }

  const Plan& plan_;
  const Inventory& inventory_;
  const bool emulated_devices_;
  const std::string& libvirt_uri_;
  std::vector<std::string> ungrouped_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> DeviceProblems(const Plan& plan, const Inventory& inventory, bool emulated_devices,
                                        const std::string& libvirt_uri) {
  return DeviceChecks(plan, inventory, emulated_devices, libvirt_uri).Run();
}

}  // namespace passthrough
