#include "suites/kernel_log_checks.h"

#include <algorithm>

#include "helpers/health/device_log_problems.h"
#include "helpers/health/node_log_problems.h"
#include "helpers/health/node_problems.h"
#include "suites/gpu_makers.h"
#include "suites/guest_function.h"

namespace passthrough {
namespace {

void Append(Findings more, Findings* findings) {
  for (Finding& finding : more) findings->push_back(std::move(finding));
}

void AddOnce(const PciFunction* function, std::vector<const PciFunction*>& functions) {
  if (function == nullptr) return;
  if (std::find(functions.begin(), functions.end(), function) == functions.end()) functions.push_back(function);
}

// Where libvirt attached it; nullptr where that is not known.
const PciFunction* AttachedFunction(const PlannedNode& node, const PlannedDevice& device, const PciEvidence& pci) {
  try {
    return FindGuestFunction(DomainOf(node), device, pci).function;
  } catch (const EvidenceError&) {
    return nullptr;  // the checks of PciDevice fail with it
  }
}

}  // namespace

std::vector<const PciFunction*> PlannedFunctionsOf(const PlannedNode& node, const PciEvidence& pci) {
  std::vector<const PciFunction*> functions;
  for (const PlannedDevice& device : node.devices) {
    if (const PciFunction* attached = AttachedFunction(node, device, pci)) {
      AddOnce(attached, functions);
    } else if (device.vendor_id && device.device_id) {
      for (const PciFunction* one : pci.WithId(*device.vendor_id, *device.device_id)) AddOnce(one, functions);
    }
  }
  return functions;
}

Findings LostDevicesOf(const PlannedNode& node, const KernelLog& log, const LogDevices& devices, HotPlug hot_plug) {
  const std::vector<GpuMaker> makers = MakersOf(node);
  Findings findings;
  for (const GpuMaker& maker : makers) {
    if (maker.lost_gpus != nullptr) Append(maker.lost_gpus(log), &findings);
  }
  const auto is_reported = [&](std::string_view line) { return ReportsLine(makers, line); };
  Append(LostDeviceProblems(log, is_reported, devices, hot_plug), &findings);
  return findings;
}

Findings BarsWithoutSpaceOf(const PlannedNode& node, const KernelLog& log, const PciEvidence& pci) {
  std::vector<const PciFunction*> functions = FunctionsOfGpuMakers(node, pci);
  for (const PciFunction* function : PlannedFunctionsOf(node, pci)) AddOnce(function, functions);
  return BarSpaceProblems(log, functions);
}

Findings DeviceErrorsOf(const PlannedNode& node, const KernelLog& log, const LogDevices& devices) {
  const std::vector<GpuMaker> makers = MakersOf(node);
  return DeviceLogProblems(log, devices, [&](std::string_view line) { return ReportsLine(makers, line); });
}

Findings KernelFailures(const KernelLog& log) {
  Findings findings = OopsProblems(log);
  if (!Session::Get().EmulatedDevices()) Append(StallProblems(log), &findings);
  Append(KernelMemoryProblems(log), &findings);
  return findings;
}

Findings AllOfKernelLog(const PlannedNode& node, const KernelLog& log, const PciEvidence& pci, HotPlug hot_plug) {
  const LogDevices devices(pci, PlannedFunctionsOf(node, pci));
  Findings findings = LostDevicesOf(node, log, devices, hot_plug);
  for (Findings more : {PcieErrorProblems(log), BarsWithoutSpaceOf(node, log, pci), IommuFaultProblems(log, devices),
                        DeviceErrorsOf(node, log, devices), KernelFailures(log), HardwareProblems(log),
                        DiskLogProblems(log), OutOfMemoryProblems(log)}) {
    Append(std::move(more), &findings);
  }
  return findings;
}

}  // namespace passthrough
