#include "suites/gpu_makers.h"

#include <algorithm>
#include <set>

#include "helpers/base/gpu_class.h"
#include "helpers/config/gpu_vendor.h"

namespace passthrough {
namespace {

constexpr uint16_t kIntel = 0x8086;

std::vector<GpuMaker>& Makers() {
  static std::vector<GpuMaker> makers;
  return makers;
}

std::set<uint16_t> VendorsOf(const PlannedNode& node) {
  std::set<uint16_t> vendors;
  for (const PlannedDevice& gpu : node.DevicesOfType(DeviceType::kGpu)) vendors.insert(VendorOfGpu(gpu));
  return vendors;
}

}  // namespace

bool AddGpuMaker(const GpuMaker& maker) {
  Makers().push_back(maker);
  return true;
}

std::vector<GpuMaker> MakersOf(const PlannedNode& node) {
  std::vector<GpuMaker> makers = Makers();
  const std::set<uint16_t> vendors = VendorsOf(node);
  std::erase_if(makers, [&](const GpuMaker& maker) { return !vendors.contains(maker.vendor); });
  return makers;
}

bool ReportsLine(const std::vector<GpuMaker>& makers, std::string_view line) {
  return std::any_of(makers.begin(), makers.end(),
                     [&](const GpuMaker& maker) { return maker.reports_line != nullptr && maker.reports_line(line); });
}

std::vector<const PciFunction*> FunctionsOfGpuMaker(uint16_t vendor, const PciEvidence& pci) {
  std::vector<const PciFunction*> functions = pci.OfVendor(vendor);
  if (vendor != kIntel) return functions;
  std::erase_if(functions, [](const PciFunction* one) { return !IsGpuClass(one->class_code); });
  return functions;
}

bool CountsAmongGpuMakers(const PlannedDevice& device, uint16_t vendor) {
  return vendor != kIntel || device.type == DeviceType::kGpu;
}

std::vector<const PciFunction*> FunctionsOfGpuMakers(const PlannedNode& node, const PciEvidence& pci) {
  std::vector<const PciFunction*> functions;
  for (const uint16_t vendor : VendorsOf(node)) {
    for (const PciFunction* function : FunctionsOfGpuMaker(vendor, pci)) functions.push_back(function);
  }
  return functions;
}

}  // namespace passthrough
