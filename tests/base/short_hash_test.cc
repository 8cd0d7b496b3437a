#include "helpers/base/short_hash.h"

#include <gtest/gtest.h>

namespace passthrough {
namespace {

TEST(ShortHash, IsFnv1a) {
  EXPECT_EQ(ShortHash(""), "cbf29ce484222325");
  EXPECT_EQ(ShortHash("a"), "af63dc4c8601ec8c");
}

}  // namespace
}  // namespace passthrough
