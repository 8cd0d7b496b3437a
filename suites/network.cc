// The passed-through network cards as the node has them: driver, link, speed, errors.
#include <fmt/format.h>

#include "fixtures/check.h"
#include "helpers/health/devices/network_problems.h"
#include "helpers/parsers/network_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "suites/guest_function.h"

namespace passthrough {
namespace {

class NetworkWork : public DeviceCheckOf<PciEvidence, NetworkEvidence> {
 protected:
  const NetworkEvidence& Evidence() { return Parsed<NetworkEvidence>(); }
  const PciAddress& Address() {
    return RequireGuestFunction(node(), Domain(), device(), DeviceName(), Parsed<PciEvidence>()).address;
  }
  // A lab has one model of card that its nodes have a driver for; whatever has other ids is none.
  Findings Missing() {
    Findings findings = MissingInterfaceProblems(Evidence(), Address(), DeviceName());
    const bool is_virtio = device().vendor_id == kVirtioVendor && device().device_id == 0x1041;
    const bool is_a_card = Evidence().FindFunction(Address()) != nullptr;
    if (!session().EmulatedDevices() || is_virtio || !is_a_card) return findings;
    for (Finding& finding : findings) {
      finding.note = true;
      finding.advice =
          "The host only emulates its devices, and this one is none that works there: virtio's is, vendor_id "
          "\"1af4\" and device_id \"1041\".";
    }
    return findings;
  }
  // Of a card that has an interface or a port; of any other, why it has none.
  void Report(Findings (*problems_of)(const NetworkEvidence&, const PciAddress&, const std::string&)) {
    const PciAddress address = Address();
    if (!Evidence().InterfacesOf(address).empty() || !Evidence().InfinibandPortsOf(address).empty()) {
      return ReportEach(problems_of(Evidence(), address, DeviceName()));
    }
    const Findings findings = Missing();
    if (findings.empty())
      throw EvidenceError(
          fmt::format("{}: {} has no interface in the evidence, and a count of them", node().name, DeviceName()));
    RequireNoFailure(findings);
    ReportEach(findings);
  }
  // Throws EvidenceError where one of them is a failure: then nothing more is known of the card.
  void RequireNoFailure(const Findings& findings) {
    for (const Finding& finding : findings) {
      if (finding.note) continue;
      throw EvidenceError(fmt::format("{}: not checked: {} ({})", node().name, finding.found, finding.where));
    }
  }
};

PASSTHROUGH_CHECKS(NetworkWork, NetworkDevices);

TEST_P(NetworkWork, HasAnInterface) { ReportEach(Missing()); }

TEST_P(NetworkWork, HasALink) { Report(NetworkLinkProblems); }

TEST_P(NetworkWork, RunsAtItsSpeed) {
  RequireNoFailure(NetworkLinkProblems(Evidence(), Address(), DeviceName()));
  Report(NetworkSpeedProblems);
}

TEST_P(NetworkWork, HasNoErrors) { Report(NetworkErrorProblems); }

}  // namespace
}  // namespace passthrough
