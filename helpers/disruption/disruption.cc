#include "helpers/disruption/disruption.h"

#include <fmt/format.h>

#include <algorithm>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/gpu_class.h"
#include "helpers/config/gpu_vendor.h"
#include "helpers/disruption/node_disruption.h"

namespace passthrough {
namespace {

std::vector<std::string> SnapshotsOf(const DisruptionRequest& request) {
  std::vector<std::string> snapshots;
  if (request.rescan) snapshots.push_back(kAfterRescan);
  if (request.unplug) snapshots.insert(snapshots.end(), {kAfterUnplug, kAfterReplug});
  for (int cycle = 1; cycle <= request.reboots; ++cycle) snapshots.push_back(AfterReboot(cycle));
  return snapshots;
}

// As the node had them before. Throws Error.
std::vector<PciAddress> GpusInNode(const DisruptionTarget& target, const RunDirectory& run) {
  const auto file = run.Evidence() / target.node / "pci.txt";
  return DisplaysOf(PciEvidence::Parse(ReadFile(file), run.Relative(file)), target.vendors);
}

void RecordThatNothingWasTried(const DisruptionTarget& target, const DisruptionRequest& request, const Error& why,
                               const RunDirectory& run) {
  Disruption nothing;
  for (const std::string& snapshot : SnapshotsOf(request)) {
    DisruptionStep step;
    step.snapshot = snapshot;
    step.error = fmt::format("not tried: it is not known which GPUs the node has: {}", why.what());
    nothing.steps.push_back(step);
  }
  WriteDisruption(run, target.node, nothing);
}

}  // namespace

std::string AfterReboot(int cycle) { return fmt::format("after-reboot-{}", cycle); }

std::vector<uint16_t> VendorsOfGpus(const PlannedNode& node, const Inventory& host) {
  std::vector<uint16_t> vendors;
  for (const PlannedDevice& gpu : node.DevicesOfType(DeviceType::kGpu)) {
    const HostPciDevice* const device = host.FindPciDevice(gpu.host_address);
    const bool is_named = gpu.vendor_id || device == nullptr;  // where nobody knows, the maker that checks assume
    vendors.push_back(is_named ? VendorOfGpu(gpu) : device->vendor_id);
  }
  return vendors;
}

std::vector<PciAddress> DisplaysOf(const PciEvidence& pci, const std::vector<uint16_t>& vendors) {
  std::vector<PciAddress> displays;
  for (const PciFunction& function : pci.functions) {
    const bool wanted = std::count(vendors.begin(), vendors.end(), function.vendor) > 0;
    if (wanted && IsGpuClass(function.class_code)) displays.push_back(function.address);
  }
  return displays;
}

void Disrupt(const DisruptionTarget& target, const DisruptionRequest& request, const DisruptionTools& tools,
             const RunDirectory& run) {
  std::vector<PciAddress> gpus;
  try {
    gpus = GpusInNode(target, run);
  } catch (const Error& error) {
    RecordThatNothingWasTried(target, request, error, run);
    return;
  }
  const auto report = [&](const std::string& what) {
    if (tools.on_progress) tools.on_progress(target.node, what);
  };
  CollectOptions collect = tools.collect;
  collect.jump = tools.jump;
  collect.host_keys = tools.host_keys;
  const auto domain = OpenLiveDomain(*tools.libvirt, target.domain);
  const auto access = OpenSshNode(target.account, collect, run.Evidence() / target.node, report);
  DisruptedNode node{.domain = *domain, .access = *access, .limits = {}, .report = report, .log = tools.detached_gpus};
  node.limits.ssh = tools.limits.ssh;
  NodeDisruption(target, gpus, node, run).Run(request);
}

}  // namespace passthrough
