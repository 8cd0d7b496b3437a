// Commands that messages advise are runnable as printed, and act where they are meant to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/docs/source_files.h"

namespace passthrough {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// Without -c, virsh acts on this machine, or on the session of this user: VirshCommand() has it always.
const char kVirshOfAnyLibvirt[] = R"re(virsh (?!(-q )?-c )|"virsh"(?!, "-c"))re";
// Neither is in PATH: SuiteCommand() and LabCommand() have its path. What help texts say is none of it.
const char kProgramWithoutPath[] =
    "passthrough-suite --|passthrough-lab (up|down|status|ssh|snapshot|snapshots|restore|create|destroy|build)\\b";
// A word that is to be filled in, where the message knows what with.
const char kLoginToNobody[] = R"re(ssh -F [^"]*NODE)re";

std::vector<std::string> JoinedMatches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  const std::string code = std::regex_replace(WithoutComments(text), std::regex("\"\\s*\n\\s*\""), "");
  std::vector<std::string> found;
  for (std::sregex_iterator at(code.begin(), code.end(), expression), end; at != end; ++at) {
    found.push_back(code.substr(static_cast<size_t>(at->position()), 60));
  }
  return found;
}

TEST(AdviceTest, EachVirshCommandNamesItsLibvirt) {
  for (const SourceFile& file : ProgramSources()) {
    EXPECT_THAT(JoinedMatches(file.text, kVirshOfAnyLibvirt), IsEmpty()) << file.name;
  }
  EXPECT_THAT(JoinedMatches("x = \"remove it with virsh \"\n    \"destroy {}\";", kVirshOfAnyLibvirt), SizeIs(1));
  EXPECT_THAT(JoinedMatches("ShellCommand({\"virsh\", \"start\", name})", kVirshOfAnyLibvirt), SizeIs(1));
  EXPECT_THAT(JoinedMatches("x = \"virsh -q \"\n  \"-c {} list\";  // as virsh does", kVirshOfAnyLibvirt), IsEmpty());
}

TEST(AdviceTest, EachCommandOfTheProjectHasItsPath) {
  for (const SourceFile& file : ProgramSources()) {
    EXPECT_THAT(JoinedMatches(file.text, kProgramWithoutPath), IsEmpty()) << file.name;
    EXPECT_THAT(JoinedMatches(file.text, kLoginToNobody), IsEmpty()) << file.name;
  }
  EXPECT_THAT(JoinedMatches("\"try passthrough-suite \"\n\"--reap\"", kProgramWithoutPath), SizeIs(1));
  EXPECT_THAT(JoinedMatches("\"(passthrough-lab down --lab-dir {})\"", kProgramWithoutPath), SizeIs(1));
  EXPECT_THAT(JoinedMatches("\"see passthrough-lab --help\"", kProgramWithoutPath), IsEmpty());
  EXPECT_THAT(JoinedMatches("\"ssh -F {} NODE\"", kLoginToNobody), SizeIs(1));
}

}  // namespace
}  // namespace passthrough
