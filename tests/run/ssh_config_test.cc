#include "helpers/run/ssh_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using testing::HasSubstr;

// OpenSSH itself says what it makes of the file: `ssh -G` prints the options it would use.
std::string WhatSshMakesOf(const std::filesystem::path& config, const std::string& host) {
  return RunChild({"ssh", "-G", "-F", config.string(), host}, {}, Deadline::After(std::chrono::minutes(1))).output;
}

TEST(SshConfigTest, OpenSshReadsItAsMeant) {
  const TemporaryDirectory logs("ssh config");  // with a blank
  const RunDirectory run = RunDirectory::Create(logs.path());
  Profile profile;
  profile.ssh = {.host = "", .port = 22, .user = "admin", .key = "/keys/id rsa"};
  profile.jump = SshAccount{.host = "127.0.0.1", .port = 2222, .user = "root", .key = "/keys/jump"};
  Discovery discovery;
  DiscoveredNode node;
  node.node = "hpc_compute_01";
  node.domain = "test-compute-01";
  node.address = "192.168.140.11";
  discovery.nodes.push_back(node);
  WriteFile(run.SshConfig(), MakeSshConfig(discovery, profile, run));

  for (const char* name : {"hpc_compute_01", "test-compute-01"}) {
    const std::string options = WhatSshMakesOf(run.SshConfig(), name);
    EXPECT_THAT(options, HasSubstr("\nhostname 192.168.140.11\n"));
    EXPECT_THAT(options, HasSubstr("user admin\n"));
    EXPECT_THAT(options, HasSubstr("identityfile /keys/id rsa\n"));
    EXPECT_THAT(options, HasSubstr("proxyjump passthrough-jump-host\n"));
  }
  const std::string jump = WhatSshMakesOf(run.SshConfig(), "passthrough-jump-host");
  EXPECT_THAT(jump, HasSubstr("\nhostname 127.0.0.1\n"));
  EXPECT_THAT(jump, HasSubstr("port 2222\n"));
  EXPECT_THAT(jump, HasSubstr("identityfile /keys/jump\n"));
}

TEST(SshConfigTest, TellsHowToLogInWithNamesOfNodes) {
  const TemporaryDirectory logs("ssh config");  // with a blank
  const RunDirectory run = RunDirectory::Create(logs.path());
  Discovery discovery;
  EXPECT_EQ(HowToLogIn(discovery, run), "");
  for (const char* name : {"hpc_controller", "hpc_compute_01", "hpc_compute_02"}) {
    discovery.nodes.push_back({});
    discovery.nodes.back().node = name;
    discovery.nodes.back().address = "192.168.140.10";
  }
  discovery.nodes[1].address.clear();
  const std::string expected = "To log in to hpc_controller (or hpc_compute_02 in its place): ssh -F '" +
                               run.SshConfig().string() + "' hpc_controller";
  EXPECT_EQ(HowToLogIn(discovery, run), expected);
  EXPECT_THAT(MakeSshConfig(discovery, Profile(), run), testing::StartsWith("# " + expected + "\n"));
}

TEST(SshConfigTest, ANodeWithoutAnAddressIsLeftOut) {
  const TemporaryDirectory logs("ssh-config");
  const RunDirectory run = RunDirectory::Create(logs.path());
  Discovery discovery;
  discovery.nodes.push_back({});
  discovery.nodes.back().node = "hpc_compute_01";
  EXPECT_THAT(MakeSshConfig(discovery, Profile(), run), testing::Not(HasSubstr("hpc_compute_01")));
}

// What is no address would be a line of its own in the file, which ssh obeys.
TEST(SshConfigTest, NoAddressPutsALineIntoIt) {
  const TemporaryDirectory logs("ssh-config");
  const RunDirectory run = RunDirectory::Create(logs.path());
  for (const char* hostile : {"192.168.140.11\n  ProxyCommand touch /tmp/x", "192.168.140.11\rx", "a b", "\"a\"",
                              "-oProxyCommand=x", "a\\b", "$(x)", "\xff"}) {
    Discovery discovery;
    discovery.nodes.push_back({});
    discovery.nodes.back().node = "hpc_compute_01";
    discovery.nodes.back().address = hostile;
    EXPECT_THAT([&] { MakeSshConfig(discovery, Profile(), run); },
                testing::ThrowsMessage<Error>(HasSubstr("neither an address nor a host name")));
    Profile profile;
    profile.jump = SshAccount{.host = hostile, .port = 22, .user = "root", .key = ""};
    EXPECT_THROW(MakeSshConfig(Discovery(), profile, run), Error);
  }
}

TEST(SshConfigTest, AScopeOfAnAddressIsNoTokenOfSsh) {
  const TemporaryDirectory logs("ssh-config");
  const RunDirectory run = RunDirectory::Create(logs.path());
  Profile profile;
  profile.jump = SshAccount{.host = "fe80::1%eth0", .port = 22, .user = "root", .key = ""};
  WriteFile(run.SshConfig(), MakeSshConfig(Discovery(), profile, run));
  EXPECT_THAT(WhatSshMakesOf(run.SshConfig(), "passthrough-jump-host"), HasSubstr("\nhostname fe80::1%eth0\n"));
}

}  // namespace
}  // namespace passthrough
