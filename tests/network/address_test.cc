// Addresses of nodes: in IPv6, and after they changed. No packet is sent: what the tests may reach is 127.0.0.0/8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/run/ssh_config.h"
#include "helpers/ssh/handshake.h"
#include "helpers/ssh/host_keys.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;

SshAccount Account(const std::string& host, uint16_t port) {
  SshAccount account;
  account.user = "admin";
  account.host = host;
  account.port = port;
  return account;
}

TEST(Ipv6Address, IsToldFromItsPort) {
  EXPECT_EQ(AccountName(Account("fd00::5054:ff:fe00:1", 22)), "admin@fd00::5054:ff:fe00:1");
  EXPECT_EQ(AccountName(Account("fd00::1", 2222)), "admin@[fd00::1]:2222");
  EXPECT_EQ(AccountName(Account("127.0.0.1", 2222)), "admin@127.0.0.1:2222");
  EXPECT_EQ(AccountName(Account("fe80::1%virbr140", 2222)), "admin@[fe80::1%virbr140]:2222");
}

// As OpenSSH writes them (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
TEST(Ipv6Address, IsPinnedAsOpensshWouldWriteIt) {
  const TemporaryDirectory directory("ipv6");
  const auto file = directory.path() / "known_hosts";
  HostKeys keys(file, "");
  keys.Accept(KnownHostsName("fd00::1", 22), "ssh-ed25519 AAAA");
  keys.Accept(KnownHostsName("fd00::1", 2222), "ssh-ed25519 BBBB");
  EXPECT_THAT(ReadFile(file),
              AllOf(HasSubstr("fd00::1 ssh-ed25519 AAAA\n"), HasSubstr("[fd00::1]:2222 ssh-ed25519 BBBB\n")));
}

TEST(MovedNode, MustShowItsOldHostKey) {
  HostKeys keys("", "");
  keys.Accept("192.168.140.11", "ssh-ed25519 AAAA");
  keys.Accept("192.168.140.57", "ssh-ed25519 BBBB");  // somebody else's, before
  keys.Expect("192.168.140.57", "192.168.140.11");
  EXPECT_NO_THROW(keys.Accept("192.168.140.57", "ssh-ed25519 AAAA"));
  EXPECT_THROW(keys.Accept("192.168.140.57", "ssh-ed25519 BBBB"), SshError);
  keys.Expect("192.168.140.99", "192.168.140.98");  // never seen: at first contact then
  EXPECT_NO_THROW(keys.Accept("192.168.140.99", "ssh-ed25519 CCCC"));
}

TEST(Ipv6Address, StandsInTheRunsSshConfig) {
  const TemporaryDirectory directory("ipv6");
  Discovery discovery;
  discovery.nodes.push_back({.node = "hpc_compute_01",
                             .domain = "c",
                             .uuid = "",
                             .state = "running",
                             .mac_addresses = {},
                             .address = "fd00::1",
                             .address_source = "lease",
                             .problem = ""});
  const std::string config = MakeSshConfig(discovery, Profile(), RunDirectory::Create(directory.path() / "logs"));
  EXPECT_THAT(config, HasSubstr("HostName fd00::1\n"));
}

}  // namespace
}  // namespace passthrough
