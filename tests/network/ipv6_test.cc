// Nodes that have IPv6 alone: real OpenSSH servers at IPv6 addresses, in a network of the tests' own.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/cluster/discovery.h"
#include "helpers/cluster/node_address.h"
#include "helpers/process/child_process.h"
#include "helpers/run/ssh_config.h"
#include "helpers/ssh/ssh_session.h"
#include "tests/network/collecting.h"
#include "tests/network/network_namespace.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kNode[] = "fd00::5054:ff:fe00:1";
constexpr char kJump[] = "fd00::1";
constexpr char kMac[] = "52:54:00:00:00:01";

OpensshServer::Options At(const std::string& address) {
  OpensshServer::Options options;
  options.address = address;
  return options;
}

class Ipv6 : public testing::Test {
 protected:
  static void SetUpTestSuite() { problem_ = EnterOwnNetwork({kNode, kJump, "fe80::1"}); }
  void SetUp() override {
    if (!problem_.empty()) GTEST_SKIP() << "no network of the test's own: " << problem_;
  }

  static Deadline Soon() { return Deadline::After(std::chrono::seconds(60)); }

  std::string Hello(const SshAccount& account, JumpHost* jump = nullptr) {
    return SshSession::Connect(account, jump, keys_, Soon())
        .Exec("echo hello from \"$SSH_CONNECTION\"", {}, Soon())
        .output;
  }
  std::string KnownHosts() const { return ReadFile(directory_.path() / "known_hosts"); }

  // What discovery would say of a node that has `leased` alone.
  static std::string ChosenOf(const std::string& leased) {
    const auto chosen = ChooseAddress(Ipv4Subnet::Parse("192.168.140.0/24"), {{kMac, leased, "lease"}});
    return chosen ? chosen->ip : "none";
  }

  static std::string problem_;
  TemporaryDirectory directory_{"ipv6"};
  HostKeys keys_{directory_.path() / "known_hosts", ""};
};

std::string Ipv6::problem_;

TEST_F(Ipv6, ANodeIsReachedAndItsKeyIsPinned) {
  for (const std::string address : {"::1", kNode, "fe80::1%lo"}) {
    const OpensshServer server(At(address));
    EXPECT_THAT(Hello(server.account()), AllOf(HasSubstr("hello from "), HasSubstr(" " + address + " "))) << address;
    const std::string name = fmt::format("[{}]:{}", address, server.account().port);
    EXPECT_THAT(KnownHosts(), HasSubstr(name + " " + server.host_key() + "\n"));
    // OpenSSH finds it, too.
    const ChildResult found =
        RunChild({"ssh-keygen", "-F", name, "-f", (directory_.path() / "known_hosts").string()}, {}, Soon());
    EXPECT_TRUE(found.Succeeded()) << found.output;
  }
}

TEST_F(Ipv6, AChangedHostKeyIsAnError) {
  OpensshServer server(At(kNode));
  Hello(server.account());
  server.Stop();
  server.ChangeHostKeys();
  server.Start();
  EXPECT_THAT([&] { Hello(server.account()); },
              testing::ThrowsMessage<SshError>(
                  HasSubstr(fmt::format("host key of [{}]:{} changed: expected", kNode, server.account().port))));
}

TEST_F(Ipv6, TheUsersKnownHostsAreHonoured) {
  const OpensshServer server(At(kNode));
  const OpensshServer other(At("::1"));
  const auto file = directory_.path() / "of_user";
  const std::string name = fmt::format("[{}]:{}", kNode, server.account().port);
  for (const auto& [key, accepted] : {std::pair(server.host_key(), true), std::pair(other.host_key(), false)}) {
    WriteFile(file, name + " " + key + "\n");
    HostKeys keys("", file);
    const auto connect = [&] { SshSession::Connect(server.account(), nullptr, keys, Soon()); };
    if (accepted) {
      EXPECT_NO_THROW(connect());
    } else {
      EXPECT_THROW(connect(), SshError);
    }
  }
}

TEST_F(Ipv6, ARefusalNamesTheAddressInBrackets) {
  const OpensshServer server(At(kNode));
  SshAccount account = server.account();
  account.key = directory_.path() / "stranger";
  MakeKeyPair(account.key);
  EXPECT_THAT([&] { Hello(account); },
              testing::ThrowsMessage<SshError>(HasSubstr(fmt::format("@[{}]:{}", kNode, account.port))));
}

TEST_F(Ipv6, NobodyListens) {
  SshAccount account;
  account.host = kNode;
  account.port = FreePort(kNode);
  account.user = "admin";
  account.key = TestUserKey();
  EXPECT_THAT(
      [&] { Hello(account); },
      testing::ThrowsMessage<SshError>(HasSubstr(fmt::format("{} port {}: Connection refused", kNode, account.port))));
}

TEST_F(Ipv6, ANodeIsReachedThroughAJumpHost) {
  const OpensshServer jump_server(At(kJump));
  const OpensshServer node(At(kNode));
  JumpHost jump(jump_server.account(), keys_, Soon());
  EXPECT_THAT(Hello(node.account(), &jump), HasSubstr(fmt::format(" {} ", kNode)));
  EXPECT_THAT(node.log(), HasSubstr("Accepted publickey"));
}

TEST_F(Ipv6, AnIpv6NodeBehindAnIpv4JumpHost) {
  const OpensshServer jump_server;
  const OpensshServer node(At(kNode));
  JumpHost jump(jump_server.account(), keys_, Soon());
  EXPECT_THAT(Hello(node.account(), &jump), HasSubstr(fmt::format(" {} ", kNode)));
}

// Linux needs a moment for a new address. One of many networks shows it, on a machine that has other things to do.
TEST(OwnNetwork, ItsAddressesCanBeUsedAtOnce) {
  for (int i = 0; i < 200; ++i) {
    // In a process of its own: a network is entered for good.
    const pid_t child = fork();
    if (child == 0) {
      int status = 0;
      try {
        if (!EnterOwnNetwork({kNode, kJump, "fe80::1"}).empty()) _exit(77);
        for (const std::string address : {"fe80::1%lo", kJump, kNode}) FreePort(address);
      } catch (const std::exception&) {
        status = 1;
      }
      _exit(status);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no network of the test's own";
    ASSERT_EQ(status, 0) << "in network " << i;
  }
}

// From the lease that discovery chooses to the evidence.
TEST_F(Ipv6, EvidenceComesFromTheAddressThatDiscoveryChooses) {
  const OpensshServer server(At(kNode));
  SshAccount account = server.account();
  account.host = ChosenOf(kNode);
  Collecting collecting;
  collecting.AddProbe("one", "echo hello");
  EXPECT_EQ(collecting.Run({{"hpc_compute_01", account}})["hpc_compute_01"].error, "");
  EXPECT_EQ(collecting.Load("hpc_compute_01").Require("one").text, "hello\n");
  server.WaitUntilIdle();
}

// As a user would, while the cluster lives: ssh -F RUN/ssh_config NODE. Host keys are those that the run has seen.
TEST_F(Ipv6, OpenSshGetsInWithTheRunsSshConfig) {
  const OpensshServer jump_server(At(kJump));
  const OpensshServer node(At(kNode));
  Profile profile;
  profile.ssh = node.account();
  profile.jump = jump_server.account();
  const RunDirectory run = RunDirectory::Create(directory_.path() / "logs");
  {
    HostKeys keys(run.KnownHosts(), "");
    JumpHost jump(*profile.jump, keys, Soon());
    SshSession::Connect(node.account(), &jump, keys, Soon());
  }
  const std::string known = ReadFile(run.KnownHosts());
  Discovery discovery;
  discovery.nodes.push_back({.node = "hpc_compute_01",
                             .domain = "test-compute-01",
                             .uuid = "",
                             .state = "running",
                             .mac_addresses = {kMac},
                             .address = ChosenOf(kNode),
                             .address_source = "lease",
                             .problem = ""});
  for (const bool through_jump : {true, false}) {
    if (!through_jump) profile.jump.reset();
    WriteFile(run.SshConfig(), MakeSshConfig(discovery, profile, run));
    const ChildResult said =
        RunChild({"ssh", "-F", run.SshConfig().string(), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                  "hpc_compute_01", "echo hello from \"$SSH_CONNECTION\""},
                 {}, Soon());
    EXPECT_TRUE(said.Succeeded()) << said.output;
    EXPECT_THAT(said.output, AllOf(HasSubstr("hello from "), HasSubstr(fmt::format(" {} ", kNode))));
    EXPECT_EQ(ReadFile(run.KnownHosts()), known) << "ssh knew each of them by the name that the run gave it";
  }
}

}  // namespace
}  // namespace passthrough
