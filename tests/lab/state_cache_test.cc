#include "lab/host/state_cache.h"

#include <gmock/gmock.h>

#include <chrono>
#include <stdexcept>

#include "helpers/base/files.h"
#include "helpers/base/short_hash.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

class StateCacheTest : public testing::Test {
 protected:
  void Store(const std::string& key, const std::string& content = "x") {
    cache_.Store(key, [&](const BootedState& state) {
      WriteFile(state.state(), content);
      WriteFile(state.disk(), content);
    });
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  const TemporaryDirectory temporary_{"passthrough-cache-test"};
  const fs::path directory_ = temporary_.path() / "cache";
  const StateCache cache_{directory_};
};

TEST_F(StateCacheTest, FindsWhatWasStoredUnderTheSameKeyOnly) {
  EXPECT_FALSE(cache_.Find("one"));
  Store("one", "first");
  ASSERT_TRUE(cache_.Find("one"));
  EXPECT_EQ(ReadFile(cache_.Find("one")->state()), "first");
  EXPECT_FALSE(cache_.Find("two"));
  Store("one", "second");
  EXPECT_EQ(ReadFile(cache_.Find("one")->state()), "second");
}

TEST_F(StateCacheTest, DoesNotTrustAHash) {
  Store("one");
  fs::rename(directory_ / ("booted-" + ShortHash("one")), directory_ / ("booted-" + ShortHash("two")));
  EXPECT_FALSE(cache_.Find("two"));
}

TEST_F(StateCacheTest, ShowsNothingHalfDone) {
  EXPECT_THROW(cache_.Store("one",
                            [](const BootedState& state) {
                              WriteFile(state.state(), "half");
                              throw std::runtime_error("disk full");
                            }),
               std::runtime_error);
  EXPECT_FALSE(cache_.Find("one"));
  EXPECT_THAT(Files(), UnorderedElementsAre());
}

TEST_F(StateCacheTest, KeepsTheNewestAndWhatIsUsed) {
  const auto now = fs::file_time_type::clock::now();
  for (size_t i = 0; i < StateCache::kMost; ++i) {
    const std::string key = std::to_string(i);
    Store(key);
    fs::last_write_time(cache_.Find(key)->directory, now - std::chrono::minutes(60 - static_cast<int>(i)));
  }
  EXPECT_TRUE(cache_.Find("0"));  // the oldest, used just now
  Store("one more");
  EXPECT_TRUE(cache_.Find("0"));
  EXPECT_FALSE(cache_.Find("1"));
  EXPECT_EQ(Files().size(), StateCache::kMost);
}

TEST_F(StateCacheTest, RemovesWhatWasAbandonedAndNothingElse) {
  fs::create_directories(directory_ / ".booted.abcdef");
  fs::create_directories(directory_ / ".booted.fresh1");
  fs::create_directories(directory_ / "images-1");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  fs::last_write_time(directory_ / ".booted.abcdef", old);
  fs::last_write_time(directory_ / "images-1", old);
  Store("one");
  EXPECT_THAT(Files(), UnorderedElementsAre(".booted.fresh1", "images-1", "booted-" + ShortHash("one")));
}

}  // namespace
}  // namespace passthrough
