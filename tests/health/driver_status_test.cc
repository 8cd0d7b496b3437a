#include "helpers/parsers/nvidia/driver_status.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

TEST(DriverStatus, OfTheDevice) {
  EXPECT_EQ(DeviceStatusIn("nvrm: tlb invalidation failed (status=0x0000000f), scope 0x2"), "NV_ERR_GPU_IS_LOST");
  EXPECT_EQ(DeviceStatusIn("rpcsendmessage failed with status 0x65 for fn 78!"), "NV_ERR_TIMEOUT");
  EXPECT_EQ(DeviceStatusIn("hobject=0x5c000037; paramsstatus=0x00000000; status=0x00000062"), "NV_ERR_RESET_REQUIRED");
  EXPECT_EQ(DeviceStatusIn("check failed: x [nv_err_flcn_error] (0x00000070) returned from y"), "NV_ERR_FLCN_ERROR");
}

TEST(DriverStatus, NoneOfTheDevice) {
  for (const char* line : {"status=0x00000056", "status=0x0", "hclient=0x0000000f", "addr: 0x65, regvalue: 0x62",
                           "[nv_err_object_not_found] (0x00000057)", "status 0xzz", "status", "0x", "status=0x",
                           "status=0x000000651", "(rminitadapter failed! (0x62:0x65:2027)"}) {
    EXPECT_EQ(DeviceStatusIn(line), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace passthrough
