// Status codes in lines of NVIDIA's driver.
#pragma once

#include <optional>
#include <string_view>

namespace passthrough {

// A status in a line (in lower case) of the driver that says that the GPU, its memory or its firmware does not work:
// "status=0x0000000f", "failed with status 0x65", "[nv_err_reset_required] (0x00000062)". The name that NVIDIA gives
// it: "NV_ERR_GPU_IS_LOST"; nullopt where the line has none, or one by which the driver refuses a request
// (src/common/sdk/nvidia/inc/nvstatuscodes.h of NVIDIA's open GPU kernel modules).
std::optional<std::string_view> DeviceStatusIn(std::string_view lower);

}  // namespace passthrough
