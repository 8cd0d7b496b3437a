#include "lab/command_line.h"

#include <gmock/gmock.h>

#include "lab/commands.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

const CommandRule kRule = {"ssh",
                           {{"--lab-dir", "DIR", "where"}, {"--quiet", "", "say nothing"}},
                           {"NODE", "[MORE]"},
                           true,
                           "Help."};

auto Parse(const std::vector<std::string>& words) {
  return [words] { ParseCommandLine(kRule, words); };
}

TEST(CommandLine, TakesOptionsAnywhereAndArgumentsInOrder) {
  const CommandLine line =
      ParseCommandLine(kRule, {"a", "--lab-dir", "/x", "b", "--quiet", "--", "ls", "--all"});
  EXPECT_THAT(line.arguments, ElementsAre("a", "b"));
  EXPECT_EQ(line.Value("--lab-dir"), "/x");
  EXPECT_TRUE(line.Has("--quiet"));
  EXPECT_THAT(line.passed_on, ElementsAre("ls", "--all"));
  EXPECT_EQ(ParseCommandLine(kRule, {"--lab-dir=/a=b", "n"}).Value("--lab-dir"), "/a=b");
}

TEST(CommandLine, TellsWhatIsWrongInOneLine) {
  EXPECT_THAT(Parse({}), ThrowsMessage<UsageError>(StartsWith("ssh: NODE is missing")));
  EXPECT_THAT(Parse({"a", "b", "c"}),
              ThrowsMessage<UsageError>(HasSubstr("one argument too many: c")));
  EXPECT_THAT(Parse({"a", "--lab"}), ThrowsMessage<UsageError>(HasSubstr("unknown option --lab")));
  EXPECT_THAT(Parse({"a", "--lab-dir"}),
              ThrowsMessage<UsageError>(HasSubstr("needs a value: DIR")));
  EXPECT_THAT(Parse({"a", "--quiet=1"}), ThrowsMessage<UsageError>(HasSubstr("takes no value")));
}

TEST(CommandLine, HelpNeedsNothingElse) {
  EXPECT_TRUE(ParseCommandLine(kRule, {"--help"}).help);
  EXPECT_THAT(
      HelpText(kRule),
      StartsWith(
          "Usage: passthrough-lab ssh [--lab-dir DIR] [--quiet] NODE [MORE] [-- COMMAND...]\n"));
}

TEST(CommandLine, EveryCommandHasHelp) {
  for (const Command& command : Commands()) {
    EXPECT_FALSE(command.rule.help.empty()) << command.rule.name;
    EXPECT_NE(command.run, nullptr) << command.rule.name;
  }
}

}  // namespace
}  // namespace passthrough
