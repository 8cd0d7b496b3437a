// No private key, passphrase, or content of an agent lands in a log, a report or evidence; what a run writes
// is for its owner alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "helpers/base/text.h"
#include "tests/suites/cheap_run.h"
#include "tests/suites/written_files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SecretsTest : public testing::Test, protected CheapRun {
 protected:
  // A key whose every line is a marker.
  fs::path MakeKey(const std::string& passphrase = "") {
    const fs::path key = Path("key");
    const ChildResult made =
        RunChild({"ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "of a test", "-f", key.string()}, {},
                 Deadline::After(std::chrono::minutes(1)));
    if (!made.Succeeded()) throw Error(made.output);
    return key;
  }
  // Files of the run, of the state directory and the output of the program that have one of `secrets`.
  std::vector<std::string> Leaks(const std::vector<std::string>& secrets, const std::string& output) {
    fs::create_directories(Path("logs"));
    fs::create_directories(Path("state"));
    WriteFile(Path("logs/output"), output);
    std::vector<std::string> leaks = FilesWith(Path("logs"), secrets);
    for (auto& file : FilesWith(Path("state"), secrets)) leaks.push_back(std::move(file));
    return leaks;
  }
};

TEST_F(SecretsTest, TheSearchFindsASecret) {
  const auto secrets = SecretLines(MakeKey());
  ASSERT_GE(secrets.size(), 3u);
  EXPECT_THAT(Leaks(secrets, "nothing"), IsEmpty());
  EXPECT_THAT(Leaks(secrets, "key: " + secrets[1] + "!"), testing::SizeIs(1));
}

TEST_F(SecretsTest, TheKeyOfARun) {
  const auto secrets = SecretLines(MakeKey());
  WriteProfile("echo deploying", Path("key").string());
  const ChildResult result = RunProgram({"--verbose"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(Leaks(secrets, result.output), IsEmpty());
}

TEST_F(SecretsTest, AKeyThatCannotBeRead) {
  // Read by an eager parser, its words would be in the message.
  const std::string marker = "c2VjcmV0LW1hcmtlci1vZi1hLXRlc3Q";
  WriteFile(Path("key"), "-----BEGIN OPENSSH PRIVATE KEY-----\n" + marker + "\n-----END OPENSSH PRIVATE KEY-----\n",
            0600);
  WriteProfile("true", Path("key").string());
  const ChildResult result = RunProgram({"--verbose"});
  EXPECT_THAT(result.output, HasSubstr("is not a private key that can be read"));
  EXPECT_THAT(Leaks({marker}, result.output), IsEmpty());
}

TEST_F(SecretsTest, APassphraseAndWhatTheEnvironmentHas) {
  const std::string passphrase = "passphrase-marker-9d2f";
  auto secrets = SecretLines(MakeKey(passphrase));
  secrets.insert(secrets.end(), {passphrase, "environment-marker-77ab"});
  WriteProfile("true", Path("key").string());
  options.environment["MY_TOKEN"] = "environment-marker-77ab";
  const ChildResult result = RunProgram({"--verbose"});
  EXPECT_THAT(result.output, HasSubstr("has a passphrase"));
  EXPECT_THAT(Leaks(secrets, result.output), IsEmpty());
}

TEST_F(SecretsTest, ARunIsForItsOwnerAlone) {
  WriteProfile("true");
  const mode_t old = umask(0);
  RunProgram();
  umask(old);
  EXPECT_THAT(OpenToOthers(fs::canonical(Latest())), IsEmpty());
  fs::permissions(fs::canonical(Latest()), fs::perms(0755));
  EXPECT_THAT(OpenToOthers(fs::canonical(Latest())), Not(IsEmpty()));
}

}  // namespace
}  // namespace passthrough
