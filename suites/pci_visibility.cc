// What of the planned devices the node's PCI bus shows.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "fixtures/check.h"
#include "helpers/base/gpu_class.h"
#include "helpers/config/gpu_vendor.h"
#include "helpers/health/driver_use_problems.h"
#include "helpers/health/link_problems.h"
#include "helpers/health/pci_problems.h"
#include "helpers/parsers/pci_class.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/gpu_makers.h"
#include "suites/guest_function.h"
#include "suites/slot_limits.h"

namespace passthrough {
namespace {

// Of what QEMU makes for its machines, beside virtio's (its docs/specs/pci-ids).
constexpr uint16_t kQemuVendor = 0x1b36;

std::string IdText(uint16_t vendor, uint16_t device) { return fmt::format("{:04x}:{:04x}", vendor, device); }

std::string VendorName(uint16_t vendor) {
  const GpuVendor* const known = FindGpuVendor(vendor);
  return known != nullptr ? std::string(known->name) : fmt::format("{:04x}", vendor);
}

class PciVisibility : public NodeCheckOf<PciEvidence> {
 protected:
  // Makers of all GPUs that the plan gives to any node, and NVIDIA: a GPU of theirs may be in the wrong node.
  std::set<uint16_t> GpuVendors() {
    std::set<uint16_t> vendors{kDefaultGpuVendor};
    for (const PlannedNode& one : session().plan().nodes) {
      for (const PlannedDevice& gpu : one.DevicesOfType(DeviceType::kGpu)) vendors.insert(VendorOfGpu(gpu));
    }
    return vendors;
  }
  // The cluster file need not say whose device it is: then the host knows, and where it does not know the device,
  // the functions of a GPU's slot are its maker's.
  std::optional<uint16_t> VendorOf(const PlannedDevice& device) {
    if (device.vendor_id) return device.vendor_id;
    const HostPciDevice* on_host = session().HostRunning().FindPciDevice(device.host_address);
    if (on_host != nullptr) return on_host->vendor_id;
    for (const PlannedDevice& gpu : node().DevicesOfType(DeviceType::kGpu)) {
      if (gpu.host_address.SameDevice(device.host_address)) return VendorOfGpu(gpu);
    }
    return std::nullopt;
  }
  // A node's own disk has the id of a virtio disk that is passed through.
  size_t EmulatedWithId(const PciEvidence& pci, uint16_t vendor, uint16_t device) {
    const std::set<const PciFunction*> emulated = EmulatedFunctions(Domain(), pci);
    return static_cast<size_t>(std::count_if(emulated.begin(), emulated.end(), [&](const PciFunction* one) {
      return one->vendor == vendor && one->device == device;
    }));
  }
  void RequirePlannedFunctionsAlone(uint16_t vendor);
};

PASSTHROUGH_CHECKS(PciVisibility, PassthroughNodes);

TEST_P(PciVisibility, EachPlannedIdIsThereExactlyAsOftenAsPlanned) {
  const PciEvidence& pci = Parsed<PciEvidence>();
  std::map<std::pair<uint16_t, uint16_t>, size_t> planned;
  for (const PlannedDevice& device : node().devices) {
    if (device.vendor_id && device.device_id) ++planned[{*device.vendor_id, *device.device_id}];
  }
  for (const auto& [id, count] : planned) {
    size_t found = pci.WithId(id.first, id.second).size();
    if (id.first == kVirtioVendor || id.first == kQemuVendor) found -= EmulatedWithId(pci, id.first, id.second);
    if (found == count) continue;
    ReportFailure(
        {.found = fmt::format("{} PCI functions with id {}, expected {}", found, IdText(id.first, id.second), count),
         .where = pci.At(pci.last_line),
         .advice = "Compare the domain's <hostdev> entries and the node's lspci -Dnn with the "
                   "cluster file."});
  }
}

void PciVisibility::RequirePlannedFunctionsAlone(uint16_t vendor) {
  const PciEvidence& pci = Parsed<PciEvidence>();
  size_t planned = 0;
  for (const PlannedDevice& device : node().devices) {
    if (VendorOf(device) == vendor && CountsAmongGpuMakers(device, vendor)) ++planned;
  }
  const auto found = FunctionsOfGpuMaker(vendor, pci);
  if (found.size() == planned) return;
  std::vector<std::string> functions;
  for (const PciFunction* function : found) {
    functions.push_back(function->address.ToString() + " " + function->Id());
  }
  ReportFailure(
      {.found = fmt::format("{} {} functions on the PCI bus{}{}, expected {}", found.size(), VendorName(vendor),
                            functions.empty() ? "" : ": ", fmt::join(functions, ", "), planned),
       .where = pci.At(found.empty() ? pci.last_line : found.front()->line),
       .advice = "Compare the domain's <hostdev> entries with the cluster file: each GPU has all of "
                 "its functions listed, and no GPU of another node.",
       .explains = found.size() > planned ? Explains::kItself : Explains::kNothing});
}

TEST_P(PciVisibility, NoOtherFunctionOfGpuMakersIsThere) {
  for (const uint16_t vendor : GpuVendors()) RequirePlannedFunctionsAlone(vendor);
}

// lspci is for people: no check reads it.
struct LspciText {
  static constexpr char kProbe[] = "lspci";
};

constexpr char kLookAtHostdev[] = "Look at the domain's <hostdev> entries and at the QEMU log on the host.";

// One planned function, found in the node by the way that libvirt attached it.
class PciDevice : public DeviceCheckOf<PciEvidence, LspciText> {
 protected:
  void SetUp() override {
    DeviceCheck::SetUp();
    if (!HasFatalFailure() && !IsSkipped()) guest_ = FindGuestFunction(Domain(), device(), pci());
  }
  const GuestFunction& guest() const { return guest_; }
  // Throws EvidenceError where the node does not have it: then nothing else of it can be checked.
  const PciFunction& function() const {
    if (guest_.function != nullptr) return *guest_.function;
    throw EvidenceError(fmt::format("{}: not checked: {} {} ({}). {}", node().name, DeviceName(), guest_.problem,
                                    guest_.where, kLookAtHostdev));
  }
  const PciEvidence& pci() { return Parsed<PciEvidence>(); }
  // What else there is at a GPU's address in the node and the plan does not have: its audio function, its USB
  // controller.
  std::vector<const PciFunction*> UnplannedCompanions();
  std::string Where() { return pci().At(function().line); }

 private:
  GuestFunction guest_;
};

PASSTHROUGH_CHECKS(PciDevice, AllDevices);

std::vector<const PciFunction*> PciDevice::UnplannedCompanions() {
  std::vector<const PciFunction*> companions;
  if (device().type != DeviceType::kGpu) return companions;
  std::set<const PciFunction*> planned;
  for (const PlannedDevice& one : node().devices) planned.insert(FindGuestFunction(Domain(), one, pci()).function);
  for (const PciFunction& one : pci().functions) {
    const bool is_beside = one.detailed && one.address.SameDevice(function().address);
    if (is_beside && !IsGpuClass(one.class_code) && !planned.contains(&one)) companions.push_back(&one);
  }
  return companions;
}

std::string NameOfCompanion(const PciFunction& function, const std::string& gpu) {
  return fmt::format("{} at {}, beside {} and not planned,", PciClassText(function.class_code),
                     function.address.ToString(), gpu);
}

// Of what nobody planned, nothing is a failure.
void AppendNotes(Findings more, Findings* findings) {
  for (Finding& finding : more) {
    finding.note = true;
    findings->push_back(std::move(finding));
  }
}

TEST_P(PciDevice, IsWhereLibvirtAttachedIt) {
  if (guest().function != nullptr) return;
  ReportFailure({.found = DeviceName() + " " + guest().problem,
                 .where = guest().where,
                 .advice = kLookAtHostdev,
                 .explains = Explains::kDevice});
}

TEST_P(PciDevice, HasThePlannedId) {
  const PciFunction& found = function();  // also where the cluster file has no ids: it has to be there
  const uint16_t vendor = device().vendor_id.value_or(found.vendor);
  const uint16_t id = device().device_id.value_or(found.device);
  if (vendor == found.vendor && id == found.device) return;
  ReportFailure(
      {.found = fmt::format("{} reads {} in the node, expected {}", DeviceName(), found.Id(), IdText(vendor, id)),
       .where = Where(),
       .advice = "Another card is in that slot than planned, or the cluster file is wrong: compare "
                 "with lspci -nn on the host."});
}

TEST_P(PciDevice, HasTheClassOfItsType) {
  if (PciClassFits(function().class_code, device().type)) return;
  ReportFailure({.found = fmt::format("{} is a {}, expected {}", DeviceName(), PciClassText(function().class_code),
                                      AllowedPciClassText(device().type)),
                 .where = Where(),
                 .advice = "Compare device_type in the cluster file with lspci on the host."});
}

TEST_P(PciDevice, ConfigSpaceIsAlive) {
  Findings findings = ConfigProblems(pci(), function(), DeviceName());
  for (const PciFunction* one : UnplannedCompanions()) {
    AppendNotes(ConfigProblems(pci(), *one, NameOfCompanion(*one, DeviceName())), &findings);
  }
  ReportEach(findings);
}

TEST_P(PciDevice, IsEnabledForItsDriver) { ReportEach(EnableProblems(pci(), function(), DeviceName())); }

// That a GPU has its maker's driver is checked where the maker is known.
TEST_P(PciDevice, IsLeftToItsDriver) {
  Findings findings = DriverOverrideProblems(pci(), function(), DeviceName());
  if (device().type != DeviceType::kGpu) {
    Findings more = CompanionDriverProblems(pci(), function(), DeviceName());
    const std::string_view expected = DriverOfCompanion(function());
    // That these have their drivers is what DiskWork and NetworkWork check.
    const bool is_put_to_work = device().type == DeviceType::kStorage || device().type == DeviceType::kNetwork;
    if (more.empty() && !is_put_to_work && (expected.empty() || expected == "nvidia-nvswitch")) {
      more = UnusedFunctionProblems(pci(), function(), DeviceName());
    }
    findings.insert(findings.end(), more.begin(), more.end());
  }
  for (const PciFunction* one : UnplannedCompanions()) {
    AppendNotes(CompanionDriverProblems(pci(), *one, NameOfCompanion(*one, DeviceName())), &findings);
  }
  ReportEach(findings);
}

TEST_P(PciDevice, BarsAreAssigned) { ReportEach(BarProblems(pci(), function(), DeviceName())); }

TEST_P(PciDevice, LinkIsOneThatPcieHas) { ReportEach(LinkFieldProblems(pci(), function(), DeviceName())); }

TEST_P(PciDevice, LinkHasAllItsLanes) {
  ReportEach(LinkWidthProblems(pci(), function(), DeviceName(), SlotOf(device(), session().HostRunning())));
}

TEST_P(PciDevice, HasNoUncorrectedPcieError) { ReportEach(AerCounterProblems(pci(), function(), DeviceName())); }

TEST_P(PciDevice, IsNearAProcessor) { ReportEach(NumaProblems(pci(), function(), DeviceName())); }

}  // namespace
}  // namespace passthrough
