// What the probe "pci" printed: every PCI function that the node sees, from sysfs.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/fact_file.h"

namespace passthrough {

// One line of sysfs' "resource" file (Documentation/PCI/sysfs-pci.rst). A BAR that the function
// does not have, and one that nothing was assigned to, have start 0.
struct PciResource {
  int index = 0;  // 0 to 5: BARs; 6: expansion ROM
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t flags = 0;  // IORESOURCE_*, include/linux/ioport.h
  int line = 0;

  uint64_t Size() const { return start == 0 && end == 0 ? 0 : end - start + 1; }
  bool IsMemory() const { return (flags & 0x200) != 0; }    // IORESOURCE_MEM
  bool Is64Bit() const { return (flags & 0x100000) != 0; }  // IORESOURCE_MEM_64
  // Its address is not in its base address register: IORESOURCE_PCI_FIXED, IORESOURCE_PCI_EA_BEI.
  bool IsFixed() const { return (flags & 0x30) != 0; }
  bool IsIo() const { return (flags & 0x100) != 0; }  // IORESOURCE_IO
  // The function has this BAR.
  bool Exists() const { return flags != 0; }
  // An address is assigned to it: not IORESOURCE_UNSET, and not 0.
  bool Assigned() const { return Exists() && start != 0 && (flags & 0x20000000) == 0; }
  // Something is amiss: a BAR of memory without an address. I/O ports are scarce, and PCI Express devices work without
  // theirs (QEMU, docs/pcie.txt, 3): a healthy GeForce may have none for its BAR 5.
  bool IsMissed() const { return IsMemory() && !Assigned(); }
};

// One function. Ids and class are what the kernel read when it found the function; `config` is what
// the device answered when the probe ran.
struct PciFunction {
  PciAddress address;  // in the node
  int line = 0;        // of its block in the evidence
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint16_t subsystem_vendor = 0;
  uint16_t subsystem_device = 0;
  uint32_t class_code = 0;  // base class, sub-class, programming interface: 0x030000
  uint8_t revision = 0;
  std::string driver;                // the driver that is bound; empty: none
  std::optional<PciAddress> parent;  // the bridge above; absent on a root bus

  // The rest is printed of all functions that are no bridges.
  bool detailed = false;
  std::string driver_override;  // empty: none
  std::optional<bool> enabled;
  std::optional<int> irq;
  std::optional<int> numa_node;  // -1: none
  // "16.0 GT/s PCIe", as sysfs has it: "Unknown" where the function is PCI Express and has no link, empty where it is
  // none or the kernel could not read it.
  std::string current_link_speed;
  std::string max_link_speed;
  // Lanes; 255 and 0 where there is no link, absent where sysfs has no number.
  std::optional<int> current_link_width;
  std::optional<int> max_link_width;
  std::optional<int> iommu_group;
  std::string power_state;     // "D0"; empty where the kernel does not say
  std::string runtime_status;  // "active", "suspended" (Documentation/ABI/testing/sysfs-devices-power); may be empty
  std::array<PciResource, 7> resources{};
  // The first 64 bytes of config space (PCI Local Bus 3.0, 6.1); empty where they could not be
  // read.
  std::vector<uint8_t> config;
  int config_line = 0;
  // Totals of AER errors by kind: "correctable", "nonfatal", "fatal"; empty where there are none.
  std::map<std::string, uint64_t> aer_totals;

  uint8_t BaseClass() const { return static_cast<uint8_t>(class_code >> 16); }
  // "10de:2684"
  std::string Id() const;
  // The device does not answer: every byte of its config space reads 0xff (a function that is gone
  // or died in a reset), or header type 127.
  bool ConfigIsDead() const;
  // Vendor and device id as config space has them now; nullopt where config was not read.
  std::optional<uint16_t> ConfigVendor() const;
  std::optional<uint16_t> ConfigDevice() const;
  // Base address register `index` of a type 0 header as it reads now; nullopt where not read.
  std::optional<uint32_t> ConfigBar(int index) const;
  std::optional<uint8_t> ConfigRevision() const;
  std::optional<uint32_t> ConfigClass() const;      // 24 bits, as class_code
  std::optional<uint32_t> ConfigSubsystem() const;  // vendor in the lower half; of a type 0 header
  std::optional<uint8_t> ConfigHeaderType() const;  // without the bit for several functions
  std::optional<uint16_t> ConfigCommand() const;
  // The aligned 32 bits at `offset`, up to 0x3c.
  std::optional<uint32_t> ConfigWord(size_t offset) const;
  // The address that BAR `index` reads, of 64 bits where the kernel knows it as such; nullopt where config was not read
  // or the BAR is none of memory.
  std::optional<uint64_t> ConfigBarAddress(int index) const;
  // Command register, bits "memory space" and "bus master" (PCI Local Bus 3.0, 6.2.2).
  bool MemorySpaceEnabled() const;
  bool BusMasterEnabled() const;
  // In D0, as far as the kernel says: in another power state drivers switch off what they do not need.
  bool IsAwake() const;
};

struct PciEvidence : EvidenceFile {
  static constexpr char kProbe[] = "pci";

  std::vector<PciFunction> functions;  // sorted by address; no two have the same
  int last_line = 0;                   // for a message about something that is not there
  // Numbers of the node's NUMA nodes, of all and of those with processors; empty where it knows no NUMA.
  std::vector<int> numa_nodes;
  std::vector<int> numa_nodes_with_cpus;
  // Names of the PCI drivers that the node's kernel has, loaded or built in; empty where the probe did not print them.
  std::vector<std::string> drivers;

  // Throws EvidenceError with path and line.
  static PciEvidence Parse(std::string_view text, const std::filesystem::path& path);

  bool HasDriver(std::string_view name) const;
  // nullptr where there is no such function.
  const PciFunction* Find(const PciAddress& address) const;
  std::vector<const PciFunction*> WithId(uint16_t vendor, uint16_t device) const;
  // Functions with this vendor id; with `base_class`, only those of it (3: display controllers).
  std::vector<const PciFunction*> OfVendor(uint16_t vendor, std::optional<uint8_t> base_class = {}) const;
};

}  // namespace passthrough
