// What NVIDIA's checks are instantiated for.
#pragma once

#include <vector>

#include "fixtures/parameters.h"
#include "helpers/config/gpu_vendor.h"
#include "helpers/parsers/nvidia/vendor_id.h"

namespace passthrough {

static_assert(kNvidiaVendorId == kDefaultGpuVendor);

inline std::vector<const PlannedNode*> NvidiaNodes() { return NodesWithGpusOf(kNvidiaVendorId); }
inline std::vector<DeviceOfNode> NvidiaGpus() { return GpusOf(kNvidiaVendorId); }
inline std::vector<const PlannedCluster*> NvidiaClusters() { return ClustersWithGpusOf(kNvidiaVendorId); }

inline std::vector<PlannedDevice> NvidiaGpusOf(const PlannedNode& node) { return GpusOf(node, kNvidiaVendorId); }

}  // namespace passthrough
