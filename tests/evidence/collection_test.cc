// The archive and the command that carries it, run by real shells on this machine.
#include "helpers/evidence/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/evidence/remote_archive.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::filesystem::path kRemote = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote";

// A remote/ of the test's own: the real run-all.sh and probes of the test's.
class CollectionTest : public testing::Test {
 protected:
  CollectionTest() {
    std::filesystem::create_directories(remote_ / "probes");
    std::filesystem::create_directories(temporary_);
    std::filesystem::copy(kRemote / "run-all.sh", remote_);
    shell_.environment["TMPDIR"] = temporary_;
    shell_.environment["COLLECTION_TEST"] = directory_.path();
  }
  ~CollectionTest() override {
    ClearInterruption();
    while (!Processes().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // Nothing of what a node's command made may stay.
    EXPECT_TRUE(std::filesystem::is_empty(temporary_));
  }

  void AddProbe(const std::string& name, const std::string& body) {
    WriteFile(remote_ / "probes" / (name + ".sh"), "#!/bin/sh\n# limit: 10\n" + body + "\n");
  }

  Collection Run(const std::vector<std::string>& probes,
                 const Deadline& deadline = Deadline::After(std::chrono::seconds(60))) {
    RemoteExec exec = [this](const std::string& command, const ExecOptions& options, const Deadline& until) {
      return ExecHere(shell_, command, options, until);
    };
    return CollectByExec(exec, BuildRemoteArchive(remote_, probes), probes, deadline);
  }

  // All that came of the command.
  std::vector<pid_t> Processes() { return ProcessesWith("COLLECTION_TEST=" + directory_.path().string()); }

  TemporaryDirectory directory_{"collection-test"};
  std::filesystem::path remote_ = directory_.path() / "remote";
  std::filesystem::path temporary_ = directory_.path() / "a tmp with spaces";
  LocalShell shell_;
};

TEST_F(CollectionTest, BringsOutputBack) {
  AddProbe("one", "echo hello; echo oops >&2; exit 3");
  AddProbe("two", "printf '\\000\\377@end\\n'");
  Collection collection = Run({"two", "one"});
  EXPECT_EQ(collection.error, "");
  ASSERT_EQ(collection.probes.size(), 2u);
  EXPECT_EQ(collection.probes[0].probe, "two");
  EXPECT_EQ(collection.probes[0].text, std::string("\0\xff@end\n", 7));
  EXPECT_EQ(collection.probes[0].exit_status, 0);
  EXPECT_EQ(collection.probes[1].text, "hello\n");
  EXPECT_EQ(collection.probes[1].error_text, "oops\n");
  EXPECT_EQ(collection.probes[1].exit_status, 3);
}

// The command must be the same words to any login shell.
TEST_F(CollectionTest, WorksFromEachLoginShell) {
  AddProbe("one", "echo hello");
  const std::vector<std::vector<std::string>> shells = {{"dash", "-c"}, {"bash", "-c"}, {"busybox", "sh", "-c"},
                                                        {"zsh", "-c"},  {"fish", "-c"}, {"tcsh", "-f", "-c"},
                                                        {"ksh", "-c"},  {"mksh", "-c"}};
  int tried = 0;
  for (const std::vector<std::string>& shell : shells) {
    std::string probe = "command -v " + shell[0] + " >/dev/null";
    if (system(probe.c_str()) != 0) continue;
    SCOPED_TRACE(shell[0]);
    shell_.shell = shell;
    Collection collection = Run({"one"});
    EXPECT_EQ(collection.error, "");
    ASSERT_EQ(collection.probes.size(), 1u);
    EXPECT_EQ(collection.probes[0].text, "hello\n");
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

TEST_F(CollectionTest, SkipsALoginShellsGreeting) {
  AddProbe("one", "echo hello");
  shell_.shell = {"sh", "-c", "echo 'Welcome!'; eval \"$0\""};
  Collection collection = Run({"one"});
  EXPECT_EQ(collection.error, "");
  ASSERT_EQ(collection.probes.size(), 1u);
  EXPECT_EQ(collection.probes[0].text, "hello\n");
}

TEST_F(CollectionTest, SaysWhyTheCommandFailed) {
  AddProbe("one", "echo hello");
  shell_.shell = {"sh", "-c", "echo 'This account is not available.'; exit 1"};
  EXPECT_EQ(Run({"one"}).error,
            "the probes' command ended with exit status 1 before the first probe: This account is "
            "not available.");
}

TEST_F(CollectionTest, SaysWhyTheArchiveCannotBeUnpacked) {
  AddProbe("one", "echo hello");
  shell_.environment["PATH"] = directory_.path() / "bin";
  std::filesystem::create_directories(directory_.path() / "bin");
  for (const char* program : {"sh", "mktemp", "rm"}) {
    std::filesystem::create_symlink(std::filesystem::path("/bin") / program, directory_.path() / "bin" / program);
  }
  EXPECT_THAT(Run({"one"}).error, HasSubstr("exit status 72 before the first probe: "));
}

TEST_F(CollectionTest, KeepsWhatHadComeWhenTimeRanOut) {
  AddProbe("one", "echo hello");
  AddProbe("two", "sleep 5");
  Collection collection = Run({"one", "two"}, Deadline::After(std::chrono::seconds(2)));
  EXPECT_THAT(collection.error, HasSubstr("time ran out after probe one: "));
  ASSERT_EQ(collection.probes.size(), 1u);
  EXPECT_EQ(collection.probes[0].text, "hello\n");
  EXPECT_TRUE(collection.probes[0].complete);
  // The shell was killed without a chance to clean up: here that is this test's to do.
  while (!Processes().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (const auto& entry : std::filesystem::directory_iterator(temporary_)) {
    std::filesystem::remove_all(entry.path());
  }
}

TEST_F(CollectionTest, RemovesItsDirectoryWhenKilledSoftly) {
  AddProbe("one", "echo started; sleep 30");
  std::jthread killer;
  shell_.on_start = [&](pid_t shell) {
    killer = std::jthread([this, shell] {
      while (Processes().size() < 5) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      // As an operator would end it: the probes' command and what it runs.
      for (pid_t process : Processes()) {
        if (process != shell) kill(process, SIGTERM);
      }
    });
  };
  EXPECT_THAT(Run({"one"}).error, HasSubstr("before the first probe"));
}

TEST_F(CollectionTest, WorksWithTheRealProbes) {
  const std::vector<std::string> probes = {"identity", "pci"};
  RemoteExec exec = [this](const std::string& command, const ExecOptions& options, const Deadline& until) {
    return ExecHere(shell_, command, options, until);
  };
  Collection collection =
      CollectByExec(exec, BuildRemoteArchive(kRemote, probes), probes, Deadline::After(std::chrono::seconds(60)));
  EXPECT_EQ(collection.error, "");
  ASSERT_EQ(collection.probes.size(), 2u);
  EXPECT_THAT(collection.probes[0].text, HasSubstr("\nend: identity\n"));
  EXPECT_EQ(collection.probes[0].error_text, "");
}

TEST(RemoteCommand, IsOneWordInSingleQuotes) {
  std::string command = RemoteCommand("0123456789abcdef", {"pci", "identity"});
  EXPECT_THAT(command, testing::StartsWith("sh -c '"));
  EXPECT_THAT(command, testing::EndsWith(" pci identity'"));
  EXPECT_THAT(command.substr(7, command.size() - 8), Not(testing::ContainsRegex("['\\!\n]")));
}

TEST(RemoteCommand, SaysWhatIsNotTheDefault) {
  const std::string nonce = "0123456789abcdef";
  EXPECT_THAT(RemoteCommand(nonce, {"pci"}), Not(testing::ContainsRegex("limit-scale|gpu-memory")));
  EXPECT_THAT(
      RemoteCommand(nonce, {"pci"},
                    {.limit_scale = 3, .gpu_memory_percent = 100, .may_be_overwritten = {"00/02.1/00.0", "00/03.0"}}),
      HasSubstr(" --limit-scale 3 --gpu-memory 100 --overwrite 00/02.1/00.0,00/03.0 pci"));
  EXPECT_THROW(RemoteCommand(nonce, {"pci"}, {.may_be_overwritten = {"00/02.1; reboot"}}), EvidenceError);
  EXPECT_THROW(RemoteCommand(nonce, {"pci"}, {.may_be_overwritten = {""}}), EvidenceError);
}

TEST(RemoteCommand, RefusesNamesThatCouldBeMore) {
  EXPECT_THROW(RemoteCommand("0123456789abcdef", {"pci; reboot"}), EvidenceError);
  EXPECT_THROW(RemoteCommand("0123456789abcdef", {""}), EvidenceError);
  EXPECT_THROW(RemoteCommand("0123456789abcdef", {"../x"}), EvidenceError);
  EXPECT_THROW(RemoteCommand("0123456789abcde'", {"pci"}), EvidenceError);
  EXPECT_THROW(RemoteCommand("", {"pci"}), EvidenceError);
  EXPECT_THROW(BuildRemoteArchive(kRemote, {"../run-all"}), EvidenceError);
  EXPECT_THROW(BuildRemoteArchive(kRemote, {"no_such_probe"}), Error);
}

TEST(MakeNonce, IsNeverTheSame) {
  EXPECT_EQ(MakeNonce().size(), 32u);
  EXPECT_NE(MakeNonce(), MakeNonce());
}

}  // namespace
}  // namespace passthrough
