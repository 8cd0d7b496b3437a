// What of the planned devices the node's PCI bus shows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "fixtures/check.h"
#include "helpers/health/link_problems.h"
#include "helpers/health/pci_problems.h"
#include "helpers/parsers/pci_class.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

std::string IdText(uint16_t vendor, uint16_t device) {
  return fmt::format("{:04x}:{:04x}", vendor, device);
}

class PciVisibility : public NodeCheck {
 protected:
  // The cluster file need not say whose device it is: then the host knows, and where it does not know the device,
  // the functions of a GPU's slot are its maker's.
  bool IsNvidia(const PlannedDevice& device) {
    if (device.vendor_id) return *device.vendor_id == kNvidiaVendorId;
    const HostPciDevice* on_host = session().HostRunning().FindPciDevice(device.host_address);
    if (on_host != nullptr) return on_host->vendor_id == kNvidiaVendorId;
    const auto gpus = node().DevicesOfType(DeviceType::kGpu);
    return std::any_of(gpus.begin(), gpus.end(), [&](const PlannedDevice& gpu) {
      PciAddress function = gpu.host_address;
      function.function = device.host_address.function;
      return function == device.host_address && gpu.vendor_id.value_or(kNvidiaVendorId) == kNvidiaVendorId;
    });
  }
  PciEvidence Pci() { return PciEvidence::Parse(Probe("pci").text, Probe("pci").path); }
};

PASSTHROUGH_CHECKS(PciVisibility, PassthroughNodes, "pci");

TEST_P(PciVisibility, EachPlannedIdIsThereExactlyAsOftenAsPlanned) {
  const PciEvidence pci = Pci();
  std::map<std::pair<uint16_t, uint16_t>, size_t> planned;
  for (const PlannedDevice& device : node().devices) {
    if (device.vendor_id && device.device_id) ++planned[{*device.vendor_id, *device.device_id}];
  }
  for (const auto& [id, count] : planned) {
    const size_t found = pci.WithId(id.first, id.second).size();
    if (found == count) continue;
    Complain({.found = fmt::format("{} PCI functions with id {}, expected {}", found,
                                   IdText(id.first, id.second), count),
              .where = pci.At(pci.last_line),
              .advice = "Compare the domain's <hostdev> entries and the node's lspci -Dnn with the "
                        "cluster file."});
  }
}

TEST_P(PciVisibility, NoOtherNvidiaFunctionIsThere) {
  const PciEvidence pci = Pci();
  size_t planned = 0;
  for (const PlannedDevice& device : node().devices) {
    if (IsNvidia(device)) ++planned;
  }
  const auto found = pci.Nvidia();
  if (found.size() == planned) return;
  std::vector<std::string> functions;
  for (const PciFunction* function : found) {
    functions.push_back(function->address.ToString() + " " + function->Id());
  }
  Complain({.found = fmt::format("{} NVIDIA functions on the PCI bus{}{}, expected {}", found.size(),
                                 functions.empty() ? "" : ": ", fmt::join(functions, ", "), planned),
            .where = pci.At(found.empty() ? pci.last_line : found.front()->line),
            .advice = "Compare the domain's <hostdev> entries with the cluster file: each GPU has all of "
                      "its functions listed, and no GPU of another node."});
}

// One planned function, found in the node by the way that libvirt attached it.
class PciDevice : public DeviceCheck {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    if (HasFatalFailure()) return;
    pci_ = PciEvidence::Parse(Probe("pci").text, Probe("pci").path);
    guest_ = FindGuestFunction(Domain(), device(), pci_);
    if (guest_.function != nullptr) return;
    ComplainForGood(
        {.found = DeviceName() + " " + guest_.problem,
         .where = guest_.where,
         .advice = "Look at the domain's <hostdev> entries and at the QEMU log on the host."});
  }
  const PciFunction& function() const { return *guest_.function; }
  const PciEvidence& pci() const { return pci_; }
  std::string Where() const { return pci_.At(function().line); }

 private:
  PciEvidence pci_;
  GuestFunction guest_;
};

// lspci is for people: no check reads it.
PASSTHROUGH_CHECKS(PciDevice, AllDevices, "pci", "lspci");

TEST_P(PciDevice, IsWhereLibvirtAttachedIt) { EXPECT_NE(&function(), nullptr); }

TEST_P(PciDevice, HasThePlannedId) {
  const bool vendor_fits = !device().vendor_id || *device().vendor_id == function().vendor;
  const bool device_fits = !device().device_id || *device().device_id == function().device;
  if (vendor_fits && device_fits) return;
  Complain({.found = fmt::format("{} reads {} in the node, expected {}", DeviceName(), function().Id(),
                                 IdText(device().vendor_id.value_or(function().vendor),
                                        device().device_id.value_or(function().device))),
            .where = Where(),
            .advice = "Another card is in that slot than planned, or the cluster file is wrong: compare "
                      "with lspci -nn on the host."});
}

TEST_P(PciDevice, HasTheClassOfItsType) {
  if (PciClassFits(function().class_code, device().type)) return;
  Complain({.found = fmt::format("{} is a {}, expected {}", DeviceName(),
                                 PciClassText(function().class_code),
                                 AllowedPciClassText(device().type)),
            .where = Where(),
            .advice = "Compare device_type in the cluster file with lspci on the host."});
}

TEST_P(PciDevice, ConfigSpaceIsAlive) {
  if (function().config.empty()) {
    Complain({.found = DeviceName() + ": its config space could not be read",
              .where = Where(),
              .advice = "Look at the node's kernel log."});
  } else if (function().ConfigIsDead()) {
    Complain({.found = DeviceName() + " does not answer: its config space reads all ones",
              .where = pci().At(function().config_line),
              .advice = "The device is dead, often after a reset that it does not survive: power-cycle "
                        "the host, and look for its reset method (FLR, bus reset)."});
  }
}

TEST_P(PciDevice, BarsAreAssigned) {
  if (function().ConfigIsDead()) {
    Complain({.found = DeviceName() + " does not answer, so its BARs are not usable",
              .where = pci().At(function().config_line),
              .advice = ""});
    return;
  }
  size_t existing = 0;
  for (size_t i = 0; i < 6; ++i) {
    const PciResource& bar = function().resources[i];
    if (!bar.Exists()) continue;
    ++existing;
    if (!bar.IsMissed()) continue;
    Complain({.found = fmt::format("{}: BAR {} has no address assigned", DeviceName(), i),
              .where = pci().At(bar.line),
              .advice = "The firmware found no space for it: give the node more 64-bit MMIO space "
                        "(OVMF's X-PciMmio64Mb, or a q35 machine's pci-hole64-size)."});
  }
  if (existing == 0) {
    Complain({.found = DeviceName() + " has no BAR at all",
              .where = Where(),
              .advice = "Look for \"BAR\" in the node's kernel log."});
  }
}

TEST_P(PciDevice, LinkHasAllItsLanes) {
  ComplainOfEach(
      LinkWidthProblems(pci(), function(), DeviceName(), SlotOf(device(), session().HostRunning())));
}

TEST_P(PciDevice, HasNoUncorrectedPcieError) {
  ComplainOfEach(AerCounterProblems(pci(), function(), DeviceName()));
}

TEST_P(PciDevice, IsNearAProcessor) { ComplainOfEach(NumaProblems(pci(), function(), DeviceName())); }

}  // namespace
}  // namespace passthrough
