// What changed on a host between two looks, in sentences.
#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/text.h"
#include "helpers/inventory/inventory.h"

namespace passthrough {
namespace {

using Sentences = std::vector<std::string>;

// What is in `left` and not in `right`.
std::vector<std::string> Without(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  std::vector<std::string> rest;
  std::copy_if(left.begin(), left.end(), std::back_inserter(rest),
               [&](const std::string& item) { return std::find(right.begin(), right.end(), item) == right.end(); });
  return rest;
}

std::string OrNone(const std::string& text) { return text.empty() ? "nothing" : text; }

const char* ActiveText(bool active) { return active ? "active" : "inactive"; }

void CompareText(const std::string& object, std::string_view what, const std::string& before, const std::string& after,
                 Sentences& out) {
  if (before == after) return;
  out.push_back(fmt::format("{}: its {} is {}, was {}", object, what, OrNone(after), OrNone(before)));
}

// New and missing entries of one object's list.
void CompareLists(const std::string& object, std::string_view what, const std::vector<std::string>& before,
                  const std::vector<std::string>& after, Sentences& out) {
  for (const std::string& item : Without(after, before)) {
    out.push_back(fmt::format("{}: {} {} remains: it was not there before", object, what, item));
  }
  for (const std::string& item : Without(before, after)) {
    out.push_back(fmt::format("{}: {} {} is gone", object, what, item));
  }
}

// --- domains ---

std::string Object(const DomainInventory& domain) { return "domain " + domain.name; }

std::string Summary(const DomainInventory& domain) { return domain.state; }

// By what of a hostdev a reader can tell it from another.
std::vector<std::string> HostdevTexts(const DomainInventory& domain) {
  std::vector<std::string> texts;
  for (const DomainHostdev& hostdev : domain.hostdevs) {
    texts.push_back(hostdev.host_address.ToString());
  }
  return texts;
}

void CompareDetails(const DomainInventory& before, const DomainInventory& after, Sentences& out) {
  CompareText(Object(after), "state", before.state, after.state, out);
  CompareLists(Object(after), "passed-through device", HostdevTexts(before), HostdevTexts(after), out);
  CompareLists(Object(after), "network interface", before.mac_addresses, after.mac_addresses, out);
  if (before.persistent != after.persistent) {
    out.push_back(fmt::format("{}: its definition is {}", Object(after),
                              after.persistent ? "permanent now" : "no longer permanent"));
  }
}

// --- networks ---

std::string Object(const NetworkInventory& network) { return "network " + network.name; }

std::string Summary(const NetworkInventory& network) {
  const std::string bridge = network.bridge.empty() ? "" : ", bridge " + network.bridge;
  return ActiveText(network.active) + bridge;
}

// "MAC IP" of "MAC IP hostname": a guest may change its name at any time.
std::vector<std::string> LeaseAddresses(const NetworkInventory& network) {
  std::vector<std::string> addresses;
  for (const std::string& lease : network.leases) {
    const auto words = SplitWords(lease);
    if (words.size() >= 2) addresses.push_back(fmt::format("{} {}", words[0], words[1]));
  }
  return addresses;
}

void CompareDetails(const NetworkInventory& before, const NetworkInventory& after, Sentences& out) {
  CompareText(Object(after), "bridge", before.bridge, after.bridge, out);
  CompareText(Object(after), "state", ActiveText(before.active), ActiveText(after.active), out);
  for (const std::string& lease : Without(LeaseAddresses(after), LeaseAddresses(before))) {
    out.push_back(fmt::format("{}: lease {} remains: it was not there before", Object(after), lease));
  }
}

// --- pools ---

std::string Object(const PoolInventory& pool) { return "storage pool " + pool.name; }

std::string Summary(const PoolInventory& pool) {
  std::string text = ActiveText(pool.active);
  if (!pool.path.empty()) text += ", " + pool.path;
  if (!pool.volumes.empty()) text += ", with " + JoinForHumans(pool.volumes);
  return text;
}

void CompareDetails(const PoolInventory& before, const PoolInventory& after, Sentences& out) {
  CompareText(Object(after), "path", before.path, after.path, out);
  CompareText(Object(after), "state", ActiveText(before.active), ActiveText(after.active), out);
  // An inactive pool shows no volumes, which says nothing of them.
  if (!before.active || !after.active) return;
  CompareLists(Object(after), "volume", before.volumes, after.volumes, out);
}

// --- all that have a name and a UUID ---

template <typename Item>
const Item* Find(const std::vector<Item>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

template <typename Item>
void CompareNamed(const std::vector<Item>& before, const std::vector<Item>& after, Sentences& out) {
  for (const Item& item : after) {
    const Item* const earlier = Find(before, item.name);
    if (earlier == nullptr) {
      out.push_back(fmt::format("{} remains ({}): it was not there before", Object(item), Summary(item)));
      continue;
    }
    if (earlier->uuid != item.uuid) {
      out.push_back(fmt::format("{} was replaced by another of the same name: its UUID is {}, was {}", Object(item),
                                item.uuid, earlier->uuid));
    }
    CompareDetails(*earlier, item, out);
  }
  for (const Item& item : before) {
    if (Find(after, item.name) != nullptr) continue;
    out.push_back(fmt::format("{} is gone (it was {})", Object(item), Summary(item)));
  }
}

// --- PCI functions ---

std::string Ids(const HostPciDevice& device) {
  return fmt::format("{:04x}:{:04x}", device.vendor_id, device.device_id);
}

std::string Driver(const HostPciDevice& device) { return device.driver.empty() ? "no driver" : device.driver; }

std::string Group(const HostPciDevice& device) {
  return device.iommu_group ? fmt::format("IOMMU group {}", *device.iommu_group) : "no IOMMU group";
}

void ComparePciDevice(const HostPciDevice& before, const HostPciDevice& after, Sentences& out) {
  const std::string address = after.address.ToString();
  if (before.driver != after.driver) {
    out.push_back(fmt::format("{} is bound to {}, was bound to {}", address, Driver(after), Driver(before)));
  }
  if (Ids(before) != Ids(after) || before.class_code != after.class_code) {
    out.push_back(fmt::format("{} is {} of class {:06x}, was {} of class {:06x}", address, Ids(after), after.class_code,
                              Ids(before), before.class_code));
  }
  if (before.iommu_group != after.iommu_group) {
    out.push_back(fmt::format("{} is in {}, was in {}", address, Group(after), Group(before)));
  } else if (before.iommu_group_members != after.iommu_group_members) {
    out.push_back(fmt::format("{}: its {} has other members than before", address, Group(after)));
  }
}

void ComparePciDevices(const Inventory& before, const Inventory& after, Sentences& out) {
  for (const HostPciDevice& device : after.pci_devices) {
    if (const HostPciDevice* const earlier = before.FindPciDevice(device.address)) {
      ComparePciDevice(*earlier, device, out);
    } else {
      out.push_back(
          fmt::format("{} ({}) is there now: it was not there before", device.address.ToString(), Ids(device)));
    }
  }
  for (const HostPciDevice& device : before.pci_devices) {
    if (after.FindPciDevice(device.address) != nullptr) continue;
    out.push_back(fmt::format("{} ({}, bound to {}) is gone", device.address.ToString(), Ids(device), Driver(device)));
  }
}

}  // namespace

std::vector<std::string> DescribeDifferences(const Inventory& before, const Inventory& after) {
  Sentences differences;
  CompareText("this host", "name", before.hostname, after.hostname, differences);
  CompareText("this host", "hypervisor", before.hypervisor, after.hypervisor, differences);
  CompareNamed(before.domains, after.domains, differences);
  CompareNamed(before.networks, after.networks, differences);
  CompareNamed(before.pools, after.pools, differences);
  CompareLists("this host", "network interface", before.interfaces, after.interfaces, differences);
  ComparePciDevices(before, after, differences);
  for (std::string& sentence : differences) sentence = Printable(sentence);
  return differences;
}

}  // namespace passthrough
