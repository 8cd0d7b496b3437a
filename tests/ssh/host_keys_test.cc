// Pinning of host keys, and the user's known_hosts.
#include "helpers/ssh/host_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HostKeysTest : public testing::Test {
 protected:
  HostKeysTest() {
    MakeKeyPair(Path("one"));
    MakeKeyPair(Path("other"));
    MakeKeyPair(Path("ecdsa"), "ecdsa");
    one_ = PublicKey("one");
    other_ = PublicKey("other");
    ecdsa_ = PublicKey("ecdsa");
  }

  std::filesystem::path Path(const std::string& name) const { return directory_.path() / name; }

  // "ssh-ed25519 AAAA…"
  std::string PublicKey(const std::string& name) const {
    const std::string line = ReadFile(Path(name + ".pub"));
    const auto words = SplitWords(Trim(line));
    return std::string(words.at(0)) + " " + std::string(words.at(1));
  }

  // As ssh-keygen has it: "SHA256:…".
  std::string Fingerprint(const std::string& name) const {
    const auto result = RunChild({"ssh-keygen", "-l", "-f", Path(name + ".pub").string()}, {}, Deadline::Never());
    return std::string(SplitWords(result.output).at(1));
  }

  static std::string WhatAcceptSays(HostKeys& keys, const std::string& name, const std::string& key) {
    try {
      keys.Accept(name, key);
    } catch (const SshError& error) {
      return error.what();
    }
    return "accepted";
  }

  const TemporaryDirectory directory_{"host-keys"};
  std::string one_;
  std::string other_;
  std::string ecdsa_;
};

TEST_F(HostKeysTest, PinAtFirstContactHolds) {
  HostKeys keys("", "");
  keys.Accept("node", one_);
  keys.Accept("node", one_);
  keys.Accept("other-node", other_);
  EXPECT_THAT(WhatAcceptSays(keys, "node", other_),
              AllOf(HasSubstr("host key of node changed"), HasSubstr(Fingerprint("one")),
                    HasSubstr(Fingerprint("other")), HasSubstr("at first contact in this run")));
  keys.Forget("node");
  EXPECT_EQ(WhatAcceptSays(keys, "node", other_), "accepted");
}

TEST_F(HostKeysTest, RunFileIsWhatSshKeygenReads) {
  HostKeys keys(Path("run"), "");
  keys.Accept("192.168.140.11", one_);
  keys.Accept("[127.0.0.1]:2222", other_);
  EXPECT_EQ(ReadFile(Path("run")), "192.168.140.11 " + one_ + "\n[127.0.0.1]:2222 " + other_ + "\n");
  EXPECT_TRUE(RunChild({"ssh-keygen", "-F", "[127.0.0.1]:2222", "-f", Path("run").string()}, {}, Deadline::Never())
                  .Succeeded());
  keys.Forget("192.168.140.11");
  EXPECT_EQ(ReadFile(Path("run")), "[127.0.0.1]:2222 " + other_ + "\n");
}

TEST_F(HostKeysTest, UserFileIsHonouredAndNotWritten) {
  const std::string content = "# a comment\n\nbroken line\nnode,192.168.1.1\t" + one_ + " comment\n[node]:2222 " +
                              other_ + "\n@revoked * " + ecdsa_ + "\n";
  WriteFile(Path("user"), content);
  HostKeys keys("", Path("user"));
  EXPECT_THAT(WhatAcceptSays(keys, "node", other_),
              AllOf(HasSubstr("host key of node changed"), HasSubstr(Fingerprint("one")),
                    HasSubstr(Fingerprint("other")), HasSubstr(Path("user").string()), HasSubstr("ssh-keygen -f")));
  EXPECT_EQ(WhatAcceptSays(keys, "node", one_), "accepted");
  EXPECT_EQ(WhatAcceptSays(keys, "192.168.1.1", one_), "accepted");
  EXPECT_EQ(WhatAcceptSays(keys, "[node]:2222", other_), "accepted");
  EXPECT_EQ(WhatAcceptSays(keys, "stranger", other_), "accepted");
  EXPECT_EQ(ReadFile(Path("user")), content);
}

TEST_F(HostKeysTest, HashedNamesInUserFileAreFound) {
  WriteFile(Path("user"), "node " + one_ + "\n[node]:2222 " + one_ + "\n");
  ASSERT_TRUE(RunChild({"ssh-keygen", "-q", "-H", "-f", Path("user").string()}, {}, Deadline::Never()).Succeeded());
  EXPECT_THAT(ReadFile(Path("user")), testing::StartsWith("|1|"));
  HostKeys keys("", Path("user"));
  EXPECT_THAT(WhatAcceptSays(keys, "node", other_), HasSubstr("changed"));
  EXPECT_THAT(WhatAcceptSays(keys, "[node]:2222", other_), HasSubstr("changed"));
  EXPECT_EQ(WhatAcceptSays(keys, "node", one_), "accepted");
}

TEST_F(HostKeysTest, AnyOfSeveralKeysInUserFileIsGood) {
  WriteFile(Path("user"), "node " + ecdsa_ + "\nnode " + one_ + "\n");
  HostKeys keys("", Path("user"));
  EXPECT_THAT(keys.KnownTypes("node"), ElementsAre("ecdsa-sha2-nistp256", "ssh-ed25519"));
  EXPECT_EQ(WhatAcceptSays(keys, "node", one_), "accepted");
  EXPECT_THAT(keys.KnownTypes("node"), ElementsAre("ssh-ed25519"));
  EXPECT_THAT(keys.KnownTypes("stranger"), IsEmpty());
}

TEST_F(HostKeysTest, KeyOfAnotherTypeThanInUserFileIsAChange) {
  WriteFile(Path("user"), "node " + ecdsa_ + "\n");
  HostKeys keys("", Path("user"));
  EXPECT_THAT(WhatAcceptSays(keys, "node", one_), HasSubstr("changed"));
}

TEST_F(HostKeysTest, UserFileNeedNotExist) {
  HostKeys keys("", Path("none"));
  EXPECT_EQ(WhatAcceptSays(keys, "node", one_), "accepted");
}

TEST_F(HostKeysTest, NamesAreThoseOfKnownHosts) {
  EXPECT_EQ(KnownHostsName("node", 22), "node");
  EXPECT_EQ(KnownHostsName("::1", 2222), "[::1]:2222");
}

}  // namespace
}  // namespace passthrough
