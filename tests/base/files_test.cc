#include "helpers/base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(FilesTest, WhatIsWrittenIsReadBack) {
  const TemporaryDirectory directory("files-test");
  const fs::path file = directory.path() / "a";
  WriteFile(file, std::string("one\0two", 7), 0600);
  EXPECT_EQ(ReadFile(file), std::string("one\0two", 7));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  WriteFile(file, "new");
  EXPECT_EQ(ReadFile(file), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), {}), 1) << "temporary left";
}

TEST(FilesTest, ErrorsNameThePathAndTheReason) {
  EXPECT_THAT([] { ReadFile("/nonexistent/x"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("/nonexistent/x"), HasSubstr("No such file or directory"))));
  EXPECT_THROW(WriteFile("/nonexistent/x", ""), Error);
}

TEST(FilesTest, ALargerFileThanAllowedIsAnError) {
  const TemporaryDirectory directory("files-test");
  WriteFile(directory.path() / "big", std::string(1000, 'x'));
  EXPECT_THROW(ReadFile(directory.path() / "big", 999), Error);
  EXPECT_NO_THROW(ReadFile(directory.path() / "big", 1000));
}

// As a guard does that has not quite ended.
TEST(FilesTest, ATemporaryDirectoryGoesAlsoWhereSomebodyStillWritesIntoIt) {
  std::filesystem::path path;
  std::thread writer;
  {
    const TemporaryDirectory directory("files-test");
    path = directory.path();
    writer = std::thread([path] {
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
      for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
        std::error_code ignored;
        std::filesystem::create_directory(path / std::to_string(i % 100), ignored);
      }
    });
    while (!std::filesystem::exists(path / "99")) std::this_thread::yield();
  }
  writer.join();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FilesTest, ATemporaryDirectoryGoesWithItsContent) {
  fs::path path;
  {
    const TemporaryDirectory directory("files-test");
    path = directory.path();
    WriteFile(path / "a", "b");
    EXPECT_TRUE(fs::is_directory(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(FilesTest, TildeIsTheHomeDirectory) {
  EXPECT_EQ(ExpandHome("~/.ssh/id_rsa"), fs::path(std::getenv("HOME")) / ".ssh/id_rsa");
  EXPECT_EQ(ExpandHome("/a/~/b"), "/a/~/b");
}

}  // namespace
}  // namespace passthrough
