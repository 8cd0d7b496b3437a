// The command line of passthrough-lab. How any command line is read: tests/command_line.
#include "helpers/command_line/command_line.h"

#include <gmock/gmock.h>

#include "lab/host/commands.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

CommandLine Read(const std::vector<std::string>& words) { return ReadCommandLine(LabCommandRule(), words); }

auto Reading(const std::vector<std::string>& words) {
  return [words] { Read(words); };
}

TEST(LabCommandLine, EveryCommandHasHelpThatListsItsOptions) {
  const std::string overview = HelpText(LabCommandRule());
  for (const Command& command : Commands()) {
    const std::string& name = command.rule.name;
    EXPECT_FALSE(command.rule.help.empty()) << name;
    EXPECT_NE(command.run, nullptr) << name;
    EXPECT_TRUE(Read({name, "--help"}).help) << name;
    const std::string help = HelpText(LabCommandRule(), name);
    EXPECT_THAT(help, StartsWith("Usage: passthrough-lab " + name));
    for (const OptionRule& option : command.rule.options) {
      EXPECT_FALSE(option.help.empty()) << name << " " << option.name;
      EXPECT_THAT(help, HasSubstr("\n  " + option.name)) << name;
    }
    EXPECT_THAT(overview, HasSubstr("\n  " + name));
  }
}

TEST(LabCommandLine, CreateAndDestroyTakeAFileAsAlways) {
  EXPECT_THAT(Read({"create", "x.yaml"}).arguments, ElementsAre("x.yaml"));
  const CommandLine destroy = Read({"destroy", "x.yaml", "--force"});
  EXPECT_THAT(destroy.arguments, ElementsAre("x.yaml"));
  EXPECT_TRUE(destroy.Has("--force"));
  EXPECT_THAT(Reading({"create", "--force", "x.yaml"}),
              ThrowsMessage<UsageError>(StartsWith("create: --force: no such option")));
  EXPECT_THAT(Reading({"destroy", "--force"}), ThrowsMessage<UsageError>(HasSubstr("CLUSTER_FILE is missing")));
}

TEST(LabCommandLine, OnlyOneOptionSaysWhereToDeploy) {
  for (const char* command : {"create", "destroy"}) {
    EXPECT_THAT(
        Reading({command, "--facts", "f", "--lab-dir", "d", "x.yaml"}),
        ThrowsMessage<UsageError>(HasSubstr("--facts and --lab-dir: only one of them can say where to deploy")));
    EXPECT_NO_THROW(Read({command, "--connect", "qemu:///system", "x.yaml"}));
  }
}

TEST(LabCommandLine, CreateWaitsInALabAlone) {
  EXPECT_TRUE(Read({"create", "--wait", "--lab-dir", "d", "x.yaml"}).Has("--wait"));
  EXPECT_THAT(Reading({"create", "--wait", "--connect", "qemu:///system", "x.yaml"}),
              ThrowsMessage<UsageError>(HasSubstr("it waits for nodes in a lab alone")));
}

TEST(LabCommandLine, AnOwnerIsAName) {
  EXPECT_EQ(Read({"up", "--owner", "run-1", "x.yaml"}).Value("--owner"), "run-1");
  for (const char* command : {"up", "down"}) {
    EXPECT_THAT(Reading({command, "--owner=a/b", "--fesh"}),
                ThrowsMessage<UsageError>(
                    AllOf(HasSubstr("--owner a/b: must be at most 64 letters"), HasSubstr("--fesh: no such option"))));
  }
}

}  // namespace
}  // namespace passthrough
