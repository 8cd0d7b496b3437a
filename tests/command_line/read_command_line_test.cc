#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/command_line/command_line.h"
#include "tests/command_line/example_program.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

using Words = std::vector<std::string>;

auto Reading(const Words& words) {
  return [words] { ReadCommandLine(ExampleProgram(), words); };
}

auto ReadingSsh(Words words) {
  words.insert(words.begin(), "ssh");
  return [words] { ReadCommandLine(ExampleLab(), words); };
}

CommandLine Ssh(Words words) {
  words.insert(words.begin(), "ssh");
  return ReadCommandLine(ExampleLab(), words);
}

TEST(ReadCommandLine, TakesOptionsAnywhereAndArgumentsInOrder) {
  const CommandLine line = Ssh({"a", "--lab-dir", "/x", "b", "--quiet", "--", "ls", "--all"});
  EXPECT_EQ(line.command, "ssh");
  EXPECT_THAT(line.arguments, ElementsAre("a", "b"));
  EXPECT_EQ(line.Value("--lab-dir"), "/x");
  EXPECT_TRUE(line.Has("--quiet"));
  EXPECT_THAT(line.passed_on, ElementsAre("ls", "--all"));
  EXPECT_EQ(Ssh({"--lab-dir=/a=b", "n"}).Value("--lab-dir"), "/a=b");
}

TEST(ReadCommandLine, HelpIsOfTheProgramOrOfACommand) {
  for (const Words& words : {Words{"help"}, Words{"--help"}, Words{"-h"}, Words{"help", "--help"}}) {
    const CommandLine line = ReadCommandLine(ExampleLab(), words);
    EXPECT_TRUE(line.help);
    EXPECT_EQ(line.command, "");
  }
  for (const Words& words : {Words{"help", "down"}, Words{"--help", "down"}, Words{"down", "--help"}}) {
    const CommandLine line = ReadCommandLine(ExampleLab(), words);
    EXPECT_TRUE(line.help);
    EXPECT_EQ(line.command, "down");
  }
  EXPECT_THAT(
      [] {
        ReadCommandLine(ExampleLab(), {"help", "dwn"});
      },
      ThrowsMessage<UsageError>(HasSubstr("dwn: no such command; did you mean down?")));
}

TEST(ReadCommandLine, WordsThatTheLibraryHasAnotherUseForAreWords) {
  EXPECT_THAT(Ssh({"down", "ssh"}).arguments, ElementsAre("down", "ssh")) << "commands' names";
  EXPECT_THAT(Ssh({"++", "-"}).arguments, ElementsAre("++", "-"));
  EXPECT_THAT(Ssh({"[a,b]", "%x"}).arguments, ElementsAre("[a,b]", "%x"));
  EXPECT_EQ(Ssh({"--lab-dir", "-x", "n"}).Value("--lab-dir"), "-x");
  EXPECT_EQ(Ssh({"--lab-dir", "down", "n"}).Value("--lab-dir"), "down");
  EXPECT_EQ(Ssh({"--lab-dir", "{}", "n"}).Value("--lab-dir"), "{}");
  EXPECT_EQ(Ssh({"--lab-dir=--x", "n"}).Value("--lab-dir"), "--x");
  EXPECT_EQ(Ssh({"--lab-dir", "a\nb c", "n"}).Value("--lab-dir"), "a\nb c");
}

TEST(ReadCommandLine, AnOptionThatIsGivenTwiceCountsAsGivenLast) {
  const CommandLine line =
      ReadCommandLine(ExampleProgram(), {"--config", "a", "--keep", "--config=b", "--keep", "--with", "x", "--with=y"});
  EXPECT_EQ(line.Value("--config"), "b");
  EXPECT_THAT(line.Values("--config"), ElementsAre("b"));
  EXPECT_THAT(line.Values("--with"), ElementsAre("x", "y")) << "one that repeats";
  EXPECT_TRUE(line.Has("--keep"));
  EXPECT_FALSE(line.Has("--attach"));
  EXPECT_EQ(line.Value("--count"), std::nullopt);
}

TEST(ReadCommandLine, SuggestsTheNearest) {
  EXPECT_THAT(Reading({"--confg=x"}),
              ThrowsMessage<UsageError>("--confg=x: no such option; did you mean --config? (see example --help)"));
  EXPECT_THAT(Reading({"--conf"}), ThrowsMessage<UsageError>(HasSubstr("did you mean --config?")));
  EXPECT_THAT(Reading({"--gaurd"}), ThrowsMessage<UsageError>(Not(HasSubstr("did you mean")))) << "not for users";
  EXPECT_THAT(Reading({"--entirely-else"}), ThrowsMessage<UsageError>(Not(HasSubstr("did you mean"))));
  EXPECT_THAT(Reading({"--hepl"}), ThrowsMessage<UsageError>(HasSubstr("did you mean --help?")));
  EXPECT_THAT(ReadingSsh({"a", "--lab"}),
              ThrowsMessage<UsageError>(
                  "ssh: --lab: no such option; did you mean --lab-dir? (see passthrough-lab ssh --help)"));
  EXPECT_THAT([] { ReadCommandLine(ExampleLab(), {"shs"}); },
              ThrowsMessage<UsageError>("shs: no such command; did you mean ssh? (see passthrough-lab --help)"));
}

TEST(ReadCommandLine, SaysWhatIsWrong) {
  EXPECT_THAT([] { ReadCommandLine(ExampleLab(), {}); }, ThrowsMessage<UsageError>(StartsWith("no command (see")));
  EXPECT_THAT(ReadingSsh({}), ThrowsMessage<UsageError>(StartsWith("ssh: NODE is missing")));
  EXPECT_THAT(ReadingSsh({"a", "b", "c"}), ThrowsMessage<UsageError>(HasSubstr("one argument too many: c")));
  EXPECT_THAT(ReadingSsh({"a", "--lab-dir"}), ThrowsMessage<UsageError>(HasSubstr("--lab-dir: DIR is missing")));
  EXPECT_THAT(ReadingSsh({"--lab-dir=", "a"}), ThrowsMessage<UsageError>(HasSubstr("--lab-dir: DIR is missing")));
  EXPECT_THAT(ReadingSsh({"--lab-dir", "--quiet", "a"}), ThrowsMessage<UsageError>(HasSubstr("DIR is missing")));
  for (const char* flag : {"--quiet=1", "--quiet=true", "--quiet="}) {
    EXPECT_THAT(ReadingSsh({"a", flag}), ThrowsMessage<UsageError>(HasSubstr("--quiet: takes no value")));
  }
  EXPECT_THAT(Reading({"--count", "9"}), ThrowsMessage<UsageError>(StartsWith("--count 9: not a number below 9")));
  EXPECT_THAT(Reading({"stray"}), ThrowsMessage<UsageError>(StartsWith("stray: no such option")));
  EXPECT_THAT(Reading({"--", "--keep"}), ThrowsMessage<UsageError>(StartsWith("--: no such option")));
  EXPECT_THAT(Reading({"--a\x1b[2J"}), ThrowsMessage<UsageError>(Not(HasSubstr("\x1b"))));
}

TEST(ReadCommandLine, SaysAllThatIsWrongAtOnceOneALine) {
  EXPECT_THAT(Reading({"--confg", "--keep=1", "--count=9", "--config", "--attach", "--keep", "--with", "x"}),
              ThrowsMessage<UsageError>("--confg: no such option; did you mean --config?\n"
                                        "--keep: takes no value\n"
                                        "--count 9: not a number below 9\n"
                                        "--config: FILE is missing\n"
                                        "--keep with --attach: it is kept anyway\n"
                                        "--with without --config: the names are the file's (see example --help)"));
  EXPECT_THAT(ReadingSsh({"--lab", "--quiet=1"}),
              ThrowsMessage<UsageError>(AllOf(HasSubstr("ssh: --lab: no such option"),
                                              HasSubstr("\nssh: --quiet: takes no value"),
                                              HasSubstr("\nssh: NODE is missing"))));
}

TEST(ReadCommandLine, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(Reading({"--keep", "--attach"}), ThrowsMessage<UsageError>(StartsWith("--keep with --attach: it is")));
  EXPECT_THAT(Reading({"--with", "x"}), ThrowsMessage<UsageError>(StartsWith("--with without --config: the names")));
  EXPECT_THAT(Reading({"--merge", "--reap"}), ThrowsMessage<UsageError>(StartsWith("--reap and --merge: one at a")));
  EXPECT_NO_THROW(ReadCommandLine(ExampleProgram(), {"--reap", "--attach", "--with", "x", "--config", "y"}));
}

TEST(ReadCommandLine, HelpNeedsNothingElseAndHidesNoProblem) {
  for (const char* help : {"--help", "-h"}) {
    EXPECT_TRUE(Ssh({help}).help);
    EXPECT_TRUE(ReadCommandLine(ExampleProgram(), {"--keep", help}).help);
    EXPECT_EQ(Ssh({"--quiet", help}).command, "ssh");
    EXPECT_THAT(ReadingSsh({help, "--lab"}), ThrowsMessage<UsageError>(StartsWith("ssh: --lab: no such option")));
    EXPECT_THAT(Reading({"--with", "x", help}), ThrowsMessage<UsageError>(StartsWith("--with without --config")));
  }
  for (const char* help : {"--help", "-h", "help"}) {
    const CommandLine line = ReadCommandLine(ExampleLab(), {help});
    EXPECT_TRUE(line.help);
    EXPECT_EQ(line.command, "");
  }
  EXPECT_FALSE(Ssh({"n"}).help);
}

}  // namespace
}  // namespace passthrough
