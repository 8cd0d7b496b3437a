#include "helpers/base/pci_address.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

TEST(PciAddressTest, ReadsWhatSysfsAndNvidiaSmiWrite) {
  const PciAddress expected{.domain = 0, .bus = 0x65, .device = 0x1f, .function = 7};
  EXPECT_EQ(PciAddress::Parse("0000:65:1f.7"), expected);
  EXPECT_EQ(PciAddress::Parse("00000000:65:1F.7"), expected);
  EXPECT_EQ(PciAddress::Parse("00010000:65:1F.7")->domain, 0x10000u);
}

TEST(PciAddressTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "65:00.0", "0000:65:00", "0000:65:00.8", "0000:65:20.0", "0000:65:00.0 ", "000:65:00.0",
        "0000:g5:00.0", "0000:65:00,0", "0000:65:-1.0", "0x00:65:00.0", "0000:65:00.00"}) {
    EXPECT_EQ(PciAddress::Parse(text), std::nullopt) << text;
  }
}

TEST(PciAddressTest, PrintsAsSysfsDoesAndKnowsItsDevice) {
  const auto gpu = PciAddress::Parse("0000:0A:00.0");
  const auto audio = PciAddress::Parse("0000:0a:00.1");
  EXPECT_EQ(gpu->ToString(), "0000:0a:00.0");
  EXPECT_TRUE(gpu->SameDevice(*audio));
  EXPECT_LT(*gpu, *audio);
  EXPECT_FALSE(gpu->SameDevice(*PciAddress::Parse("0000:0b:00.0")));
}

}  // namespace
}  // namespace passthrough
