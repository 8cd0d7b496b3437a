// NVIDIA's part of the checks that are about GPUs of every maker.
#include "helpers/health/nvidia/driver_log_problems.h"
#include "helpers/parsers/nvidia/vendor_id.h"
#include "suites/gpu_makers.h"
#include "suites/nvidia/nvidia_snapshot.h"

namespace passthrough {
namespace {

[[maybe_unused]] const bool nvidia_is_known = AddGpuMaker({.vendor = kNvidiaVendorId,
                                                           .lost_gpus = LostGpuProblems,
                                                           .reports_line = IsOfNvidiaDriver,
                                                           .still_shown = StillInNvidiaSmi});

}  // namespace
}  // namespace passthrough
