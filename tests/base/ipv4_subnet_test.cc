#include "helpers/base/ipv4_subnet.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

Ipv4Subnet Subnet(std::string_view text) { return Ipv4Subnet::Parse(text).value(); }

TEST(Ipv4SubnetTest, ReadsAddressesAsPeopleWriteThem) {
  EXPECT_EQ(ParseIpv4("192.168.140.10"), 0xc0a88c0au);
  EXPECT_EQ(Ipv4ToString(0xc0a88c0a), "192.168.140.10");
  EXPECT_EQ(ParseIpv4("0.0.0.0"), 0u);
  EXPECT_EQ(ParseIpv4("255.255.255.255"), 0xffffffffu);
}

TEST(Ipv4SubnetTest, RefusesEverythingElse) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.", ".1.2.3", "1.2.3.4 ",
                           "1.2.3.+4", "1.2.3.0x4", "a.b.c.d", "1,2,3,4"}) {
    EXPECT_EQ(ParseIpv4(text), std::nullopt) << text;
  }
  for (const char* text :
       {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0/8", "/8"}) {
    EXPECT_EQ(Ipv4Subnet::Parse(text), std::nullopt) << text;
  }
}

TEST(Ipv4SubnetTest, KnowsItsAddresses) {
  const Ipv4Subnet subnet = Subnet("192.168.140.0/24");
  EXPECT_EQ(subnet.ToString(), "192.168.140.0/24");
  EXPECT_EQ(Ipv4ToString(subnet.Mask()), "255.255.255.0");
  EXPECT_EQ(Ipv4ToString(subnet.Gateway()), "192.168.140.1");
  EXPECT_EQ(Ipv4ToString(subnet.Broadcast()), "192.168.140.255");
  EXPECT_EQ(Ipv4ToString(Subnet("0.0.0.0/0").Broadcast()), "255.255.255.255");
  EXPECT_EQ(Ipv4ToString(Subnet("10.0.0.4/30").Broadcast()), "10.0.0.7");
}

TEST(Ipv4SubnetTest, KnowsWhatItHolds) {
  const Ipv4Subnet subnet = Subnet("10.1.0.0/16");
  EXPECT_TRUE(subnet.Contains(*ParseIpv4("10.1.255.255")));
  EXPECT_FALSE(subnet.Contains(*ParseIpv4("10.2.0.0")));
  EXPECT_TRUE(subnet.Overlaps(Subnet("10.0.0.0/8")));
  EXPECT_TRUE(Subnet("10.0.0.0/8").Overlaps(subnet));
  EXPECT_FALSE(subnet.Overlaps(Subnet("10.2.0.0/16")));
}

}  // namespace
}  // namespace passthrough
