#include "lab/host/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

// q35 has its host bridge at 00:00 and the ICH9 functions at 00:1f.
constexpr uint8_t kHostBridgeDevice = 0;
constexpr uint8_t kChipsetDevice = 0x1f;
constexpr int kDevicesOnBus = 32;

bool IsChipset(const PciAddress& address) {
  return address.bus == 0 && (address.device == kHostBridgeDevice || address.device == kChipsetDevice);
}

void CheckPossible(const PlannedDevice& device) {
  const PciAddress& address = device.host_address;
  if (address.domain != 0) {
    throw Error(fmt::format("{}: {} cannot be emulated: a lab has PCI domain 0000 only", device.where.ToString(),
                            address.ToString()));
  }
  if (IsChipset(address)) {
    throw Error(
        fmt::format("{}: {} cannot be emulated: the lab's q35 chipset is at 0000:00:00 and "
                    "0000:00:1f; choose another address",
                    device.where.ToString(), address.ToString()));
  }
}

// Virtual I/O Device (VIRTIO) 1.2, 4.1.2: 0x1040 and the type of the device.
constexpr uint16_t kVirtioVendor = 0x1af4;
constexpr uint16_t kVirtioCard = 0x1041;
constexpr uint16_t kVirtioDisk = 0x1042;

StorageModel StorageModelOf(const PlannedDevice& device) {
  const bool is_virtio = device.vendor_id == kVirtioVendor && device.device_id == kVirtioDisk;
  // The lab host's own disk is virtio's, too, and has to be the first that its kernel finds.
  if (device.type == DeviceType::kStorage && is_virtio && device.host_address.bus == 0) {
    throw Error(
        fmt::format("{}: a virtio disk cannot be emulated at {}: the lab host's own is on bus 00; choose another "
                    "bus",
                    device.where.ToString(), device.host_address.ToString()));
  }
  return is_virtio ? StorageModel::kVirtio : StorageModel::kNvme;
}

NetworkModel NetworkModelOf(const PlannedDevice& device) {
  return device.vendor_id == kVirtioVendor && device.device_id == kVirtioCard ? NetworkModel::kVirtio
                                                                              : NetworkModel::kE1000e;
}

// Planned functions by address. Two nodes that never run together may share one.
std::map<PciAddress, LabFunction> PlannedFunctions(const Plan& plan) {
  std::map<PciAddress, LabFunction> functions;
  for (const PlannedNode& node : plan.nodes) {
    for (const PlannedDevice& device : node.devices) {
      CheckPossible(device);
      const LabFunction function{device.host_address, device.type, StorageModelOf(device), NetworkModelOf(device),
                                 false};
      const auto [found, is_new] = functions.emplace(device.host_address, function);
      if (!is_new && found->second.type != device.type) {
        throw Error(fmt::format("{}: {} is of type {} here and of type {} in another node", device.where.ToString(),
                                device.host_address.ToString(), ToString(device.type), ToString(found->second.type)));
      }
    }
  }
  return functions;
}

// Where a root port or another device of the machine's own can be: the free device numbers of a
// root bus, lowest first, so that the order in which they are taken is the firmware's order.
class RootBus {
 public:
  explicit RootBus(std::set<int> taken) : taken_(std::move(taken)) {}

  int TakeDevice() {
    while (taken_.contains(next_)) ++next_;
    if (next_ >= kDevicesOnBus) {
      throw Error("the lab host has no free place on its root bus: too many buses are named");
    }
    return next_++;
  }

 private:
  std::set<int> taken_;
  int next_ = 0;
};

// Writes the arguments, keeping count of what needs a number.
class Writer {
 public:
  explicit Writer(std::vector<std::string>* arguments) : arguments_(arguments) {}

  void Device(std::string text) {
    arguments_->push_back("-device");
    arguments_->push_back(std::move(text));
  }

  void RootPort(int secondary_bus, const std::string& on, int device) {
    ++ports_;
    // Without hot plug, as a workstation's slot: nothing there is ever hot plugged on the host.
    Device(fmt::format("pcie-root-port,id=bus{:02x},bus={},addr={:x}.0,chassis={},slot={},hotplug=off", secondary_bus,
                       on, device, ports_, ports_));
  }

  void Function(const LabFunction& function, bool multifunction) {
    const std::string bus = function.address.bus == 0 ? "pcie.0" : fmt::format("bus{:02x}", function.address.bus);
    Device(fmt::format("{},bus={},addr={:x}.{}{}", Model(function), bus, function.address.device,
                       function.address.function, multifunction ? ",multifunction=on" : ""));
  }

 private:
  // Every model but nvme can be saved and restored by QEMU (pci-testdev loses its BARs), and all but the filler's have
  // a driver in Debian's generic kernel, to be given back to after the run.
  std::string Model(const LabFunction& function) {
    if (!function.filler) {
      switch (function.type) {
        case DeviceType::kGpu:
          return "bochs-display,romfile=";
        case DeviceType::kAudio:
          return "ich9-intel-hda";
        case DeviceType::kNetwork:
          return function.network == NetworkModel::kVirtio ? OnSegment(function) : WithPeer();
        case DeviceType::kStorage:
          return WithDisk(function);
        case DeviceType::kOther:
          break;
      }
    }
    return WithMemory();
  }

  // iommu_platform: what it reads and writes goes through the IOMMU, as with any real card (QEMU, docs: intel-iommu).
  std::string WithDisk(const LabFunction& function) {
    ++disks_;
    arguments_->push_back("-drive");
    arguments_->push_back(
        fmt::format("file={},format=raw,if=none,id=storage{}", LabDiskFile(function.address), disks_));
    return function.storage == StorageModel::kNvme
               ? fmt::format("nvme,serial=lab{0},drive=storage{0}", disks_)
               : fmt::format("virtio-blk-pci,disable-legacy=on,iommu_platform=on,serial=lab{0},drive=storage{0}",
                             disks_);
  }

  std::string WithPeer() {
    ++peers_;
    arguments_->push_back("-netdev");
    arguments_->push_back(fmt::format("hubport,id=peer{0},hubid={0}", peers_));
    return fmt::format("e1000e,romfile=,netdev=peer{}", peers_);
  }

  // hubid 0: that of all virtio cards.
  std::string OnSegment(const LabFunction& function) {
    ++cards_;
    arguments_->push_back("-netdev");
    arguments_->push_back(fmt::format("hubport,id=card{},hubid=0", cards_));
    return fmt::format(
        "virtio-net-pci,disable-legacy=on,iommu_platform=on,romfile=,speed=10000,duplex=full,mac={},netdev=card{}",
        LabMacAddress(function.address), cards_);
  }

  std::string WithMemory() {
    ++memories_;
    arguments_->push_back("-object");
    arguments_->push_back(fmt::format("memory-backend-ram,id=shared{},size=1M", memories_));
    return fmt::format("ivshmem-plain,memdev=shared{},master=on", memories_);
  }

  std::vector<std::string>* arguments_;
  int ports_ = 0;
  int disks_ = 0;
  int cards_ = 0;
  int peers_ = 0;
  int memories_ = 0;
};

std::string AddressOf(int device) { return fmt::format("{:x}.0", device); }

}  // namespace

std::vector<LabFunction> LabFunctions(const Plan& plan) {
  const std::map<PciAddress, LabFunction> planned = PlannedFunctions(plan);
  std::map<PciAddress, LabFunction> functions;
  for (const auto& [address, function] : planned) {
    functions[address] = function;
    PciAddress first = address;
    first.function = 0;
    if (!planned.contains(first)) functions[first] = {.address = first, .filler = true};
    first.device = 0;
    if (address.bus != 0 && !planned.contains(first)) {
      functions[first] = {.address = first, .filler = true};
    }
  }
  std::vector<LabFunction> result;
  for (const auto& [address, function] : functions) result.push_back(function);
  return result;
}

std::string LabDiskFile(const PciAddress& address) {
  return fmt::format("disk-{:04x}-{:02x}-{:02x}-{:x}.raw", address.domain, address.bus, address.device,
                     address.function);
}

std::string LabMacAddress(const PciAddress& address) {
  return fmt::format("52:54:01:{:02x}:{:02x}:{:02x}", address.bus, address.device, address.function);
}

LabTopology MakeLabTopology(const Plan& plan) {
  LabTopology topology;
  topology.functions = LabFunctions(plan);

  std::set<int> buses;
  std::set<int> taken = {kHostBridgeDevice, kChipsetDevice};
  std::map<PciAddress, int> functions_of_device;
  for (const LabFunction& function : topology.functions) {
    PciAddress device = function.address;
    device.function = 0;
    ++functions_of_device[device];
    if (function.address.bus == 0) {
      taken.insert(function.address.device);
    } else {
      buses.insert(function.address.bus);
    }
  }

  Writer writer(&topology.arguments);
  RootBus bus_zero(taken);
  RootBus expander({});
  std::string root = "pcie.0";
  for (const int bus : buses) {
    if (bus != 1 && !buses.contains(bus - 1)) {
      root = fmt::format("expander{:02x}", bus - 1);
      expander = RootBus({});
      writer.Device(
          fmt::format("pxb-pcie,id={},bus_nr={},bus=pcie.0,addr={}", root, bus - 1, AddressOf(bus_zero.TakeDevice())));
    }
    RootBus& on = root == "pcie.0" ? bus_zero : expander;
    writer.RootPort(bus, root, on.TakeDevice());
  }
  for (const LabFunction& function : topology.functions) {
    PciAddress device = function.address;
    device.function = 0;
    writer.Function(function, function.address.function == 0 && functions_of_device[device] > 1);
  }
  topology.disk_address = AddressOf(bus_zero.TakeDevice());
  topology.network_address = AddressOf(bus_zero.TakeDevice());
  topology.entropy_address = AddressOf(bus_zero.TakeDevice());
  return topology;
}

}  // namespace passthrough
