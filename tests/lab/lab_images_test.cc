// What the lab's images are made of, as build.sh reads it. Builds none: tests/lab/lab_lifecycle_test.cc and
// tests/releases do.
#include "lab/host/lab_images.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A variable of the environment, until the end of a scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class LabImagesTest : public testing::Test {
 protected:
  fs::path DirectoryOf(const std::vector<std::string>& options) { return ImageDirectory({scratch_.path(), options}); }
  auto Asking(const std::vector<std::string>& options) {
    return [this, options] { DirectoryOf(options); };
  }
  // A kernel as "make modules_install" and a copy of bzImage leave it.
  fs::path Kernel() {
    fs::create_directories(scratch_.path() / "kernel/lib/modules/6.99.0");
    WriteFile(scratch_.path() / "kernel/vmlinuz", "bzImage");
    return scratch_.path() / "kernel";
  }

  TemporaryDirectory scratch_{"lab-images"};
};

TEST_F(LabImagesTest, EachChoiceHasADirectoryOfItsOwn) {
  fs::create_directories(scratch_.path() / "qemu/usr/local/bin");
  WriteFile(scratch_.path() / "qemu/usr/local/bin/qemu-system-x86_64", "ELF");
  const std::vector<std::vector<std::string>> choices = {
      {},
      {"--host-release", "trixie"},
      {"--node-release", "trixie"},
      {"--host-release", "trixie", "--node-release", "trixie"},
      {"--host-kernel", "linux-image-rt-amd64"},
      {"--host-kernel", Kernel().string()},
      {"--host-qemu", (scratch_.path() / "qemu").string()},
  };
  std::set<fs::path> directories;
  for (const auto& choice : choices) directories.insert(DirectoryOf(choice));
  EXPECT_EQ(directories.size(), choices.size());
  EXPECT_EQ(DirectoryOf({"--host-release", "bookworm", "--node-release", "bookworm"}), DirectoryOf({}));
}

TEST_F(LabImagesTest, AKernelThatWasBuiltAnewIsAnother) {
  const fs::path kernel = Kernel();
  const fs::path before = DirectoryOf({"--host-kernel", kernel.string()});
  EXPECT_EQ(before, DirectoryOf({"--host-kernel", kernel.string() + "/"}));
  WriteFile(kernel / "vmlinuz", "another bzImage");
  EXPECT_NE(before, DirectoryOf({"--host-kernel", kernel.string()}));
}

TEST_F(LabImagesTest, TheEnvironmentChoosesToo) {
  EXPECT_FALSE((LabImageRecipe{scratch_.path(), {}}).IsChosen());
  const Variable release("PASSTHROUGH_LAB_HOST_RELEASE", "trixie");
  EXPECT_TRUE((LabImageRecipe{scratch_.path(), {}}).IsChosen());
  const fs::path by_environment = DirectoryOf({});
  EXPECT_EQ(DirectoryOf({"--host-release", "trixie"}), by_environment);
  EXPECT_NE(DirectoryOf({"--host-release", "bookworm"}), by_environment) << "an option counts more";
}

TEST_F(LabImagesTest, WhatCannotBeUsedIsTold) {
  const fs::path empty = scratch_.path() / "empty";
  fs::create_directory(empty);
  const auto told = [](const std::string& text) { return ThrowsMessage<Error>(HasSubstr(text)); };
  EXPECT_THAT(Asking({"--host-release", "sid"}), told("no release that the lab knows; bookworm and trixie are"));
  EXPECT_THAT(Asking({"--host-kernel", "./no-such"}), told("there is no such file or directory"));
  EXPECT_THAT(Asking({"--host-kernel", empty.string()}), told("needs vmlinuz and lib/modules/VERSION in it"));
  EXPECT_THAT(Asking({"--host-kernel", "a,b"}), told("neither a file, nor a directory, nor the name of a package"));
  fs::create_directories(Kernel() / "lib/modules/6.99.1");
  EXPECT_THAT(Asking({"--host-kernel", Kernel().string()}), told("modules of several kernels"));
  EXPECT_THAT(Asking({"--host-qemu", "qemu"}), told("there is no such file or directory"));
  EXPECT_THAT(Asking({"--host-qemu", empty.string()}), told("there is no qemu-system-x86_64 in it"));
}

TEST_F(LabImagesTest, ImagesThatAreGivenAreNotChosen) {
  const Variable given("PASSTHROUGH_LAB_IMAGES", scratch_.path());
  EXPECT_EQ(DirectoryOf({}), scratch_.path());
  EXPECT_THAT(Asking({"--host-release", "trixie"}),
              ThrowsMessage<Error>(HasSubstr("PASSTHROUGH_LAB_IMAGES names images that are there already")));
}

}  // namespace
}  // namespace passthrough
