// Actions, sent to this machine's own shell in the place of a node's.
#include "helpers/actions/action.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class ActionTest : public testing::Test {
 protected:
  ActionTest() {
    fs::create_directories(remote_ / "actions/maker");
    fs::create_directories(Path("tmp"));
    fs::create_directories(Path("bin"));
    AddAction("show", "printf '%s|' \"$@\"");
    shell_.environment["PATH"] = Path("bin").string() + ":" + std::getenv("PATH");
    shell_.environment["TMPDIR"] = Path("tmp");
  }
  fs::path Path(const std::string& name) const { return directory_.path() / name; }
  void AddAction(const std::string& name, const std::string& body) {
    WriteFile(remote_ / "actions" / (name + ".sh"), "#!/bin/sh\n" + body + "\n");
  }
  // As `user` of the node that has the number `id`.
  ExecResult Run(const std::string& name, const std::vector<std::string>& arguments = {},
                 ActionUser user = ActionUser::kLogin, int id = 1000) {
    WriteFile(Path("bin/id"), "#!/bin/sh\necho " + std::to_string(id) + "\n", 0755);
    WriteFile(Path("bin/sudo"),
              "#!/bin/sh\nprintf '%s\\n' \"$1\" >>" + Path("sudos").string() + "\nshift\nexec \"$@\"\n", 0755);
    WriteFile(Path("sudos"), "");
    const RemoteExec exec = [this](const std::string& command, const ExecOptions& options, const Deadline& deadline) {
      return ExecHere(shell_, command, options, deadline);
    };
    const ExecResult result =
        RunAction(exec, MakeAction(remote_, name, arguments, user), Deadline::After(std::chrono::minutes(1)));
    EXPECT_TRUE(fs::is_empty(Path("tmp"))) << "something was left behind";
    return result;
  }

  const TemporaryDirectory directory_{"action-test"};
  const fs::path remote_ = directory_.path() / "remote";
  LocalShell shell_;
};

TEST_F(ActionTest, GetsItsArguments) {
  const ExecResult result = Run("show", {"0000:01:00.0", "all", "-x"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "0000:01:00.0|all|-x|");
  EXPECT_EQ(ReadFile(Path("sudos")), "");
}

TEST_F(ActionTest, ItsResultIsTheScripts) {
  AddAction("fail", "echo said; echo why >&2; exit 6");
  const ExecResult result = Run("fail");
  EXPECT_EQ(result.exit_status, 6);
  EXPECT_EQ(result.output, "said\n");
  EXPECT_EQ(result.error_output, "why\n");
}

TEST_F(ActionTest, RunsAsRootByWayOfSudoWhereThatIsNeeded) {
  AddAction("path", "echo \"$PATH\"");
  EXPECT_THAT(Run("path", {}, ActionUser::kRoot).output, HasSubstr(":/usr/sbin:/sbin\n"));
  EXPECT_EQ(ReadFile(Path("sudos")), "-n\n");
  EXPECT_THAT(Run("path", {}, ActionUser::kRoot, 0).output, HasSubstr(":/usr/sbin:/sbin\n"));
  EXPECT_EQ(ReadFile(Path("sudos")), "") << "root needs none";
}

TEST_F(ActionTest, MayUseTheOneBesideIt) {
  AddAction("maker/part", "part=whole");
  AddAction("both", ". \"${0%/*}/maker/part.sh\"; echo \"$part\"");
  EXPECT_EQ(Run("both").output, "whole\n");
  AddAction("maker/alone", "echo \"${0##*/actions/}\"");
  EXPECT_EQ(Run("maker/alone").output, "maker/alone.sh\n");
}

TEST_F(ActionTest, HasNothingToRead) {
  AddAction("read", "cat; echo end");
  EXPECT_EQ(Run("read").output, "end\n");
}

TEST_F(ActionTest, NamesAndArgumentsOfOtherCharactersAreRefused) {
  for (const char* argument :
       {"", "a b", "$(reboot)", "`reboot`", "a;b", "'", "\"", "a\nb", "a\\b", "a!", "*", "~", "a&b"}) {
    EXPECT_THROW(MakeAction(remote_, "show", {argument}), EvidenceError) << argument;
  }
  EXPECT_THROW(MakeAction(remote_, "show", {std::string(129, 'a')}), EvidenceError);
  for (const char* name : {"", "../actions/show", "show.sh", "/show", "maker/", "Show", "show;x", "none"}) {
    EXPECT_THROW(MakeAction(remote_, name), EvidenceError) << name;
  }
  EXPECT_THROW(MakeAction(Path("elsewhere"), "show"), EvidenceError);
}

TEST_F(ActionTest, WhereNothingCanBeUnpackedTheReasonIsGiven) {
  WriteFile(Path("bin/tar"), "#!/bin/sh\ncat >/dev/null; echo tar: broken >&2; exit 2\n", 0755);
  try {
    Run("show");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cannot run show on the node: its script cannot be unpacked"),
                                    HasSubstr("tar: broken")));
  }
}

}  // namespace
}  // namespace passthrough
