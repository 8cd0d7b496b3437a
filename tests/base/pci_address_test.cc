#include "helpers/base/pci_address.h"

#include <gtest/gtest.h>

#include <random>

namespace passthrough {
namespace {

TEST(PciAddressTest, ReadsWhatSysfsAndNvidiaSmiWrite) {
  const PciAddress expected{.domain = 0, .bus = 0x65, .device = 0x1f, .function = 7};
  EXPECT_EQ(PciAddress::Parse("0000:65:1f.7"), expected);
  EXPECT_EQ(PciAddress::Parse("00000000:65:1F.7"), expected);
  EXPECT_EQ(PciAddress::Parse("00010000:65:1F.7")->domain, 0x10000u);
}

// Intel's VMD makes domains from 0x10000 on.
TEST(PciAddressTest, TakesWhateverItPrints) {
  EXPECT_EQ(PciAddress::Parse("10000:e1:00.0"), (PciAddress{0x10000, 0xe1, 0, 0}));
  EXPECT_EQ(PciAddress::Parse("1000a:e1:00.0")->ToString(), "1000a:e1:00.0");
  std::mt19937 random(10);
  for (int bits = 0; bits <= 32; ++bits) {
    for (int i = 0; i < 200; ++i) {
      const uint32_t number = random();
      const uint32_t most = bits == 32 ? 0xffffffff : (uint32_t{1} << bits) - 1;
      const PciAddress address{.domain = i == 0 ? most : static_cast<uint32_t>(random()) & most,
                               .bus = static_cast<uint8_t>(number),
                               .device = static_cast<uint8_t>(number >> 8 & 0x1f),
                               .function = static_cast<uint8_t>(number >> 16 & 7)};
      ASSERT_EQ(PciAddress::Parse(address.ToString()), address) << address.ToString();
    }
  }
}

TEST(PciAddressTest, RefusesEverythingElse) {
  for (const char* text : {"", "65:00.0", "0000:65:00", "0000:65:00.8", "0000:65:20.0", "0000:65:00.0 ", "000:65:00.0",
                           "0000:g5:00.0", "0000:65:00,0", "0000:65:-1.0", "0x00:65:00.0", "0000:65:00.00",
                           "100000000:65:00.0", "000000000:65:00.0", "1000g:65:00.0", "1000"}) {
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
