#include "helpers/base/nearest.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

TEST(NearestTest, IsTheOneThatWasProbablyMeant) {
  const std::vector<std::string> known{"--config", "--connect", "--cycles"};
  EXPECT_EQ(Nearest("--confg", known), "--config");
  EXPECT_EQ(Nearest("--ocnnect", known), "--connect") << "swapped letters are one mistake";
  EXPECT_EQ(Nearest("--config", known), "--config");
  EXPECT_EQ(Nearest("--entirely-else", known), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest(std::string(1 << 20, 'x'), known), "") << "what is long is not compared";
}

}  // namespace
}  // namespace passthrough
