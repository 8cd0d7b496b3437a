// What PrivateKeyProblem says of key files made by ssh-keygen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "helpers/base/files.h"
#include "helpers/process/child_process.h"
#include "helpers/ssh/ssh_session.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class PrivateKey : public testing::Test {
 protected:
  std::filesystem::path Path(const std::string& name) const { return directory_.path() / name; }

  static std::string Problem(const std::filesystem::path& key) { return PrivateKeyProblem(key).value_or("none"); }

  const TemporaryDirectory directory_{"private-key"};
};

TEST_F(PrivateKey, OfEachTypeIsGood) {
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    MakeKeyPair(Path(type), type);
    EXPECT_EQ(Problem(Path(type)), "none");
  }
}

TEST_F(PrivateKey, InPemFormIsGood) {
  const auto path = Path("pem");
  RunChild({"ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", path.string()}, {}, Deadline::Never());
  EXPECT_THAT(ReadFile(path), HasSubstr("BEGIN RSA PRIVATE KEY"));
  EXPECT_EQ(Problem(path), "none");
}

TEST_F(PrivateKey, Missing) {
  EXPECT_THAT(Problem(Path("missing")),
              AllOf(HasSubstr(Path("missing").string()), HasSubstr("No such file or directory")));
}

TEST_F(PrivateKey, Directory) { EXPECT_THAT(Problem(directory_.path()), HasSubstr("it is a directory")); }

TEST_F(PrivateKey, OpenToOthers) {
  const auto path = Path("open");
  MakeKeyPair(path);
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_THAT(Problem(path), AllOf(HasSubstr("mode 0644"), HasSubstr("chmod 600 " + path.string())));
  std::filesystem::permissions(path, std::filesystem::perms(0620));
  EXPECT_THAT(Problem(path), HasSubstr("mode 0620"));
  std::filesystem::permissions(path, std::filesystem::perms(0400));
  EXPECT_EQ(Problem(path), "none");
}

TEST_F(PrivateKey, Unreadable) {
  const auto path = Path("unreadable");
  MakeKeyPair(path);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  // Root reads everything.
  EXPECT_EQ(Problem(path) == "none", getuid() == 0);
}

TEST_F(PrivateKey, PublicKeyGivenInstead) {
  MakeKeyPair(Path("id"));
  std::filesystem::permissions(Path("id.pub"), std::filesystem::perms(0600));
  EXPECT_EQ(Problem(Path("id.pub")),
            Path("id.pub").string() + " is a public key; give the private key " + Path("id").string());
}

TEST_F(PrivateKey, WithPassphrase) {
  MakeKeyPair(Path("locked"), "ed25519", "secret");
  EXPECT_THAT(Problem(Path("locked")), AllOf(HasSubstr("has a passphrase"), HasSubstr("ssh-add")));
  const auto pem = Path("locked-pem");
  RunChild({"ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "secret", "-f", pem.string()}, {}, Deadline::Never());
  EXPECT_THAT(Problem(pem), HasSubstr("has a passphrase"));
}

// With no descriptor left: a run with many nodes needs the key for each.
TEST_F(PrivateKey, IsReadOnce) {
  const std::filesystem::path key = Path("once");
  MakeKeyPair(key);
  EXPECT_EQ(Problem(key), "none");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  const std::string problem = Problem(key);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(problem, "none");
  // A file that has changed is another key.
  WriteFile(key, "no key any more", 0600);
  EXPECT_THAT(Problem(key), HasSubstr("is not a private key"));
}

TEST_F(PrivateKey, NotAKey) {
  WriteFile(Path("text"), "hello\n", 0600);
  EXPECT_THAT(Problem(Path("text")), HasSubstr("is not a private key that can be read"));
  WriteFile(Path("empty"), "", 0600);
  EXPECT_THAT(Problem(Path("empty")), HasSubstr("is not a private key that can be read"));
  WriteFile(Path("cut"), "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA\n", 0600);
  EXPECT_THAT(Problem(Path("cut")), HasSubstr("is not a private key that can be read"));
}

}  // namespace
}  // namespace passthrough
