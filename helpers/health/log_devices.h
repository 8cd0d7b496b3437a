// Whose device a line of a kernel log is about.
#pragma once

#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/parsers/pci_evidence.h"

namespace passthrough {

enum class LineOwner {
  kUnknown,    // it names no function, or one that is not on the bus: a lost one may not be
  kPlanned,    // a function that the plan passes to the node
  kCompanion,  // another function of the same card, or of the maker of a planned GPU
  kBridge,     // a bridge above a planned function
  kOther,      // functions that are neither
};

// The PCI functions that a line names, in all the forms of kernel and drivers: "0000:01:00.0", "[01:00.0]" and
// "[0x01:0x00.0]" (DMAR), "PCI:0000:01:00" (NVRM; function 0).
std::vector<PciAddress> PciAddressesIn(std::string_view text);

// The functions of one node. Refers to the evidence, which outlives it. By default it knows none.
class LogDevices {
 public:
  LogDevices() = default;
  // `planned`: of `pci`.
  LogDevices(const PciEvidence& pci, std::vector<const PciFunction*> planned)
      : pci_(&pci), planned_(std::move(planned)) {}

  // By the closest of the functions that it names.
  LineOwner OwnerOf(std::string_view line) const;
  LineOwner OwnerOf(const PciAddress& address) const;
  // Whether a function that the line names has a driver by now that the line does not name: what failed was another's
  // try, which did no harm.
  bool HasAnotherDriver(std::string_view line) const;
  // By what kind of function it is (class code, see pci_class.h): for lines that name a driver and no function.
  LineOwner OwnerOfClass(uint32_t class_code, uint32_t mask) const;

 private:
  const PciEvidence* pci_ = nullptr;
  std::vector<const PciFunction*> planned_;
};

}  // namespace passthrough
