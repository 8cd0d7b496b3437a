#include "helpers/base/shell_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

// The words that a shell makes of `command`, each in brackets.
std::string WordsOfShell(const std::string& command) {
  return RunChild({"sh", "-c", "for word in " + command + "; do printf '[%s]' \"$word\"; done"}, {},
                  Deadline::After(std::chrono::minutes(1)))
      .output;
}

TEST(ShellCommandTest, AShellReadsTheWordsThatWereMeant) {
  const std::vector<std::string> words{"virsh", "qemu+ssh://root@lab-host/system?command=/a%20b/ssh&no_tty=1",
                                       "it's; $(touch /x) `y` \"z\" \\ * ~ # a=b", "", "two\nlines"};
  std::string expected;
  for (const std::string& word : words) expected += "[" + word + "]";
  EXPECT_EQ(WordsOfShell(ShellCommand(words)), expected);
}

TEST(ShellCommandTest, PlainWordsStayAsTheyAre) {
  EXPECT_EQ(ShellCommand({"virsh", "-c", "qemu+ssh://root@gpu-host:22/system", "list", "--all"}),
            "virsh -c qemu+ssh://root@gpu-host:22/system list --all");
}

// With its path where it is built, which this test does not need; printed_commands_test.cc runs such commands.
TEST(ShellCommandTest, TheProgramBesideTheRunningOneIsMeant) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto named = [&](const std::string& name) {
    return ShellWord(std::filesystem::exists(here / name) ? (here / name).string() : name);
  };
  EXPECT_EQ(SuiteCommand({"--destroy", "/logs/a b"}), named("passthrough-suite") + " --destroy '/logs/a b'");
  EXPECT_EQ(LabCommand({"down"}), named("passthrough-lab") + " down");
}

}  // namespace
}  // namespace passthrough
