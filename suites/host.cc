// The host's side of the passthrough, as libvirt shows it while the nodes run.
#include <fmt/format.h>

#include <algorithm>

#include "fixtures/check.h"
#include "helpers/cluster/domain_problems.h"
#include "helpers/libvirt/iommu_group.h"
#include "suites/guest_function.h"

namespace passthrough {
namespace {

constexpr char kRunning[] = "evidence/host/running.json";

class HostDomain : public NodeCheck {};

PASSTHROUGH_CHECKS(HostDomain, RunningNodes);

TEST_P(HostDomain, HasExactlyThePlannedDevices) {
  const std::string xml = fmt::format("evidence/host/{}.xml", Domain().domain);
  const auto& hostdevs = DomainOnHost(Domain()).hostdevs;
  for (const PlannedDevice& device : node().devices) {
    const auto count = std::count_if(hostdevs.begin(), hostdevs.end(),
                                     [&](const DomainHostdev& one) { return one.host_address == device.host_address; });
    if (count == 1) continue;
    ReportFailure({.found = fmt::format("domain {} has {} <hostdev> for {}, expected 1", Domain().domain,
                                        count == 0 ? "no" : std::to_string(count), device.host_address.ToString()),
                   .where = xml,
                   .advice = "The deployer did not attach it, or it was detached since: read "
                             "cluster-start.log."});
  }
  for (const DomainHostdev& hostdev : hostdevs) {
    const bool planned = std::any_of(node().devices.begin(), node().devices.end(), [&](const PlannedDevice& one) {
      return one.host_address == hostdev.host_address;
    });
    if (planned) continue;
    ReportFailure({.found = fmt::format("domain {} has a <hostdev> for {}, which is not planned for it",
                                        Domain().domain, hostdev.host_address.ToString()),
                   .where = xml,
                   .advice = "Look which node the cluster file gives it to."});
  }
}

Findings AsFindings(const std::vector<DomainProblem>& problems) {
  Findings findings;
  for (const DomainProblem& one : problems) {
    findings.push_back({.found = one.found, .where = kRunning, .advice = one.advice, .note = one.note});
  }
  return findings;
}

TEST_P(HostDomain, KeepsItsDevices) {
  ReportEach(AsFindings(DefinitionProblems(node(), DomainOnHost(Domain()), session().LibvirtUri())));
}

TEST_P(HostDomain, HasItsMacAlone) {
  ReportEach(AsFindings(SharedMacProblems(DomainOnHost(Domain()), session().HostRunning(), session().LibvirtUri())));
}

class HostDevice : public DeviceCheck {
 protected:
  // Throws EvidenceError where the host has no such function.
  const HostPciDevice& OnHost() {
    const HostPciDevice* found = session().HostRunning().FindPciDevice(device().host_address);
    if (found == nullptr) {
      throw EvidenceError(fmt::format("{}: the host has no PCI function {} ({})", node().name,
                                      device().host_address.ToString(), kRunning));
    }
    return *found;
  }
};

PASSTHROUGH_CHECKS(HostDevice, AllDevices);

TEST_P(HostDevice, IsOnVfioPci) {
  if (IsVfioDriver(OnHost().driver)) return;
  for (const DomainHostdev& hostdev : DomainOnHost(Domain()).hostdevs) {
    if (hostdev.host_address == device().host_address &&
        IsVgpuOnVendorDriver(OnHost(), hostdev, session().HostRunning())) {
      return;
    }
  }
  ReportFailure({.found = fmt::format("on the host, {} is bound to {} while the node runs, expected vfio-pci",
                                      DeviceName(), OnHost().driver.empty() ? "no driver" : OnHost().driver),
                 .where = kRunning,
                 .advice = "The device was taken from the VM, or never given to it: look at the domain's "
                           "<hostdev> entries."});
}

TEST_P(HostDevice, IommuGroupIsViable) {
  if (!OnHost().iommu_group) {
    ReportFailure({.found = fmt::format("on the host, {} is in no IOMMU group", DeviceName()),
                   .where = kRunning,
                   .advice = "Switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on on the kernel's "
                             "command line."});
    return;
  }
  for (const HostPciDevice* member : MembersOnHostDrivers(OnHost(), session().HostRunning())) {
    ReportFailure(
        {.found = fmt::format("on the host, {} shares IOMMU group {} with {}, which is bound to {}", DeviceName(),
                              *OnHost().iommu_group, member->address.ToString(), member->driver),
         .where = kRunning,
         .advice = "Pass that function through too, or unbind it: a group is given away as a "
                   "whole."});
  }
}

}  // namespace
}  // namespace passthrough
