#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/command_line/command_line.h"
#include "tests/command_line/example_program.h"

namespace passthrough {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HelpText, HasGroupsDefaultsAndReasonsAndNothingHidden) {
  EXPECT_EQ(HelpText(ExampleProgram()),
            "Usage: example [options]\n"
            "\n"
            "Does this. And that.\n"
            "\n"
            "What:\n"
            "  --config FILE  a file (default: a.yaml)\n"
            "  --count N      a number\n"
            "  --with NAME    a name (may be repeated)\n"
            "\n"
            "Then:\n"
            "  --keep         keep it\n"
            "  --attach       leave it\n"
            "  --reap         only tidy up\n"
            "  --merge        only merge\n"
            "\n"
            "Options:\n"
            "  --help         this text (also -h)\n"
            "\n"
            "Exit status: 0.\n");
}

TEST(HelpText, OfACommandSaysHowItIsCalled) {
  EXPECT_EQ(HelpText(ExampleLab(), "ssh"),
            "Usage: passthrough-lab ssh [--lab-dir DIR] [--quiet] NODE [MORE] [-- COMMAND...]\n"
            "\n"
            "Logs in: to a node. Or more.\n"
            "\n"
            "Options:\n"
            "  --lab-dir DIR  where\n"
            "  --quiet        print nothing\n"
            "  --help         this text (also -h)\n");
  EXPECT_THAT(HelpText(ExampleLab(), "down"), StartsWith("Usage: passthrough-lab down\n"));
}

TEST(HelpText, OfAProgramListsItsCommands) {
  EXPECT_EQ(HelpText(ExampleLab()),
            "Usage: passthrough-lab COMMAND [OPTIONS...]\n"
            "\n"
            "About labs.\n"
            "\n"
            "Commands:\n"
            "  ssh     Logs in\n"
            "  down    Stops it\n"
            "\n"
            "Options:\n"
            "  --help  this text (also -h)\n");
}

TEST(HelpText, LongTextIsWrappedUnderItself) {
  CommandRule rule{.name = "x"};
  std::string text;
  for (int i = 0; i < 40; ++i) text += "word ";
  rule.options = {{.name = "--long", .help = text + "end"}};
  const std::string help = HelpText(rule);
  EXPECT_THAT(help, HasSubstr("\n          word word"));
  size_t from = 0;
  for (size_t end = help.find('\n'); end != std::string::npos; from = end + 1, end = help.find('\n', from)) {
    EXPECT_LE(end - from, 100u);
  }
  EXPECT_THAT(help, Not(HasSubstr(" \n")));
}

TEST(HelpText, ALongUsageIsSeveralLines) {
  CommandRule rule{.name = "example", .help = "Tries."};
  for (const char* name : {"--one-thing", "--another-thing", "--something-else", "--yet-another-thing"}) {
    rule.options.push_back({.name = name, .value = "VALUE", .help = "x"});
  }
  rule.arguments = {"FILE"};
  CommandRule program{.name = "lab", .commands = {rule}};
  EXPECT_THAT(HelpText(program, "example"),
              StartsWith("Usage: lab example [--one-thing VALUE] [--another-thing VALUE] [--something-else VALUE]\n"
                         "                   [--yet-another-thing VALUE] FILE\n\nTries."));
}

}  // namespace
}  // namespace passthrough
