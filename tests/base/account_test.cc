#include "helpers/base/account.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <optional>
#include <vector>

namespace passthrough {
namespace {

TEST(AccountTest, RootHasOne) {
  const auto root = AccountOf(0);
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(root->name, "root");
  EXPECT_EQ(root->home, "/root");
}

TEST(AccountTest, SomeIdsHaveNone) { EXPECT_EQ(AccountOf(4294901234u), std::nullopt); }

// ThreadSanitizer sees a buffer that all of a process's threads share.
TEST(AccountTest, ThreadsAskAtOnce) {
  std::vector<std::future<std::optional<Account>>> answers;
  for (int i = 0; i < 4; ++i) answers.push_back(std::async(std::launch::async, [] { return AccountOf(0); }));
  for (auto& answer : answers) EXPECT_EQ(answer.get()->name, "root");
}

}  // namespace
}  // namespace passthrough
