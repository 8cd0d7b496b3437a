// What all scripts have in common that are sent to nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/files.h"
#include "helpers/evidence/probe_files.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Scripts() {
  std::vector<fs::path> scripts;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(PASSTHROUGH_SOURCE_DIR) / "remote")) {
    if (entry.path().extension() == ".sh") scripts.push_back(entry.path());
  }
  return scripts;
}

TEST(RemoteScripts, CanBeRunByHandAndSayWhatTheyAreAbout) {
  for (const fs::path& script : Scripts()) {
    if (script.filename() == "run-program.sh") continue;  // which probes read
    const std::string text = ReadFile(script);
    EXPECT_TRUE(text.starts_with("#!/bin/sh\n")) << script;
    EXPECT_NE(fs::status(script).permissions() & fs::perms::owner_exec, fs::perms::none) << script;
    if (script.filename() == "run-all.sh") continue;
    EXPECT_NE(ProbeHeader(text, "about"), "") << script;
  }
}

TEST(RemoteScripts, AreCleanForShellcheck) {
  if (std::system("command -v shellcheck >/dev/null") != 0) GTEST_SKIP() << "there is no shellcheck here";
  std::string command = "cd '" PASSTHROUGH_SOURCE_DIR "' && shellcheck -x";
  for (const fs::path& script : Scripts()) command += " '" + script.string() + "'";
  const ExecResult result = ExecHere({}, command, {}, Deadline::After(std::chrono::minutes(2)));
  EXPECT_EQ(result.exit_status, 0) << result.output;
}

}  // namespace
}  // namespace passthrough
