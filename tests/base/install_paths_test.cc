#include "helpers/base/install_paths.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace passthrough {
namespace {

namespace fs = std::filesystem;

TEST(InstallPaths, TheBuildTreeIsLaidOutAsAnInstallationIs) {
  EXPECT_EQ(DataDirectory(), fs::canonical(PASSTHROUGH_SOURCE_DIR));
  EXPECT_EQ(NodeProgramDirectory(), fs::path(PASSTHROUGH_BINARY_DIR) / "libexec/pcie-passthrough-suite");
  EXPECT_EQ(SiblingProgram("passthrough-lab"), fs::path(PASSTHROUGH_BINARY_DIR) / "bin/passthrough-lab");
}

TEST(InstallPaths, TheLabIsWhereTheEnvironmentSays) {
  setenv("PASSTHROUGH_LAB_DIR", "/somewhere", 1);
  EXPECT_EQ(DefaultLabDirectory(), "/somewhere");
  unsetenv("PASSTHROUGH_LAB_DIR");
  const char* const state = std::getenv("XDG_STATE_HOME");
  const std::string before = state == nullptr ? "" : state;
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(DefaultLabDirectory(), "/state/pcie-passthrough-suite/labs/default");
  setenv("XDG_STATE_HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace passthrough
