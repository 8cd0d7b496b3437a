#include "helpers/base/file_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class FileLockTest : public testing::Test {
 protected:
  FileLockTest() { WriteFile(file_, ""); }
  Descriptor Open() const { return Descriptor(open(file_.c_str(), O_RDWR | O_CLOEXEC)); }

  const TemporaryDirectory directory_{"lock"};
  const fs::path file_ = directory_.path() / "lock";
};

TEST_F(FileLockTest, OneHolderAtATime) {
  std::optional<FileLock> first = FileLock::Try(Open(), file_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(FileLock::Try(Open(), file_));
  first.reset();
  EXPECT_TRUE(FileLock::Try(Open(), file_));
}

TEST_F(FileLockTest, ADirectoryCanBeLockedToo) {
  const std::optional<FileLock> first = FileLock::Try(OpenDirectory(directory_.path()), directory_.path());
  ASSERT_TRUE(first);
  EXPECT_FALSE(FileLock::Try(OpenDirectory(directory_.path()), directory_.path()));
}

// Whoever had it removed the file with it: the next one locks the file that is made then, not the removed one.
TEST_F(FileLockTest, AFileThatWasRemovedOrReplacedIsNotLocked) {
  Descriptor removed = Open();
  Descriptor replaced = Open();
  fs::remove(file_);
  EXPECT_FALSE(FileLock::Try(std::move(removed), file_));
  WriteFile(file_, "");
  EXPECT_FALSE(FileLock::Try(std::move(replaced), file_));
  EXPECT_TRUE(FileLock::Try(Open(), file_));
}

TEST_F(FileLockTest, WaitsForTheHolder) {
  std::optional<FileLock> first = FileLock::Try(Open(), file_);
  std::atomic<bool> released = false;
  std::jthread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    released = true;
    first.reset();
  });
  const FileLock second = FileLock::Wait(Open(), file_);
  EXPECT_TRUE(released);
}

TEST_F(FileLockTest, WhatCannotBeLockedIsAnErrorThatNamesTheFile) {
  EXPECT_THAT([&] { FileLock::Try(Descriptor(), file_); },
              ThrowsMessage<Error>(HasSubstr("cannot lock " + file_.string() + ": ")));
  EXPECT_THROW(FileLock::Wait(Descriptor(), file_), Error);
}

}  // namespace
}  // namespace passthrough
