// Whose GPUs a plan has, by PCI vendor id.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "helpers/config/plan.h"

namespace passthrough {

// NVIDIA, for whose GPUs cluster files were first written.
inline constexpr uint16_t kDefaultGpuVendor = 0x10de;

struct GpuVendor {
  uint16_t id = 0;
  std::string_view name{};
  bool driver_is_known = false;  // this suite checks the maker's driver: there is a folder of it in suites/
};

// Makers of GPUs, by their PCI vendor ids.
inline constexpr std::array<GpuVendor, 3> kGpuVendors = {
    {{kDefaultGpuVendor, "NVIDIA", true}, {0x1002, "AMD"}, {0x8086, "Intel"}}};

// nullptr for other makers.
inline const GpuVendor* FindGpuVendor(uint16_t id) {
  const auto* const found =
      std::find_if(kGpuVendors.begin(), kGpuVendors.end(), [id](const GpuVendor& one) { return one.id == id; });
  return found == kGpuVendors.end() ? nullptr : found;
}

inline bool DriverIsKnown(uint16_t id) {
  const GpuVendor* const vendor = FindGpuVendor(id);
  return vendor != nullptr && vendor->driver_is_known;
}

// Of a planned GPU: where the cluster file has no vendor_id, the default.
inline uint16_t VendorOfGpu(const PlannedDevice& gpu) { return gpu.vendor_id.value_or(kDefaultGpuVendor); }

// The node's GPUs of that maker, in the file's order.
inline std::vector<PlannedDevice> GpusOf(const PlannedNode& node, uint16_t vendor) {
  std::vector<PlannedDevice> gpus = node.DevicesOfType(DeviceType::kGpu);
  std::erase_if(gpus, [vendor](const PlannedDevice& gpu) { return VendorOfGpu(gpu) != vendor; });
  return gpus;
}

}  // namespace passthrough
