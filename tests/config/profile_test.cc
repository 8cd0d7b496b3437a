#include "helpers/config/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/config/test_file.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

Placeholders Values(const std::string& lab_dir = "/nonexistent/lab") {
  return {{"clusters", "hpc"},
          {"config", "/c/x.yaml"},
          {"lab", "/b/passthrough-lab"},
          {"lab_dir", lab_dir},
          {"source", PASSTHROUGH_SOURCE_DIR}};
}

constexpr std::string_view kSmall =
    "version: '1.0'\ndescription: d\ndeployer: {create: [a, '{config}'], destroy: [b]}\n"
    "ssh: {user: admin}\n";

Profile Load(const std::string& text) { return LoadProfile(TestFile(text, "mine.yaml").path().string(), Values()); }

TEST(ProfileTest, Lab) {
  const Profile profile = LoadProfile("lab", Values());
  EXPECT_EQ(profile.name, "lab");
  ASSERT_TRUE(profile.host);
  EXPECT_THAT(profile.host->status,
              ElementsAre("/b/passthrough-lab", "status", "--lab-dir", "/nonexistent/lab", "--quiet"));
  const std::string run = profile.placeholders.at("run");
  EXPECT_NE(run, LoadProfile("lab", Values()).placeholders.at("run"));
  EXPECT_THAT(profile.host->up,
              ElementsAre("/b/passthrough-lab", "up", "--lab-dir", "/nonexistent/lab", "--owner", run, "/c/x.yaml"));
  EXPECT_THAT(profile.host->down,
              ElementsAre("/b/passthrough-lab", "down", "--lab-dir", "/nonexistent/lab", "--owner", run, "--keep"));
  EXPECT_TRUE(HostDownKnowsItsRun(profile));
  EXPECT_EQ(profile.host->facts, "/nonexistent/lab/facts.yaml");
  EXPECT_THAT(profile.deployer.create, ElementsAre(ElementsAre("/b/passthrough-lab", "create", "--run", run, "--facts",
                                                               "/nonexistent/lab/facts.yaml", "/c/x.yaml")));
  EXPECT_THAT(profile.deployer.destroy,
              ElementsAre(ElementsAre("/b/passthrough-lab", "destroy", "--run", run, "--facts",
                                      "/nonexistent/lab/facts.yaml", "/c/x.yaml", "--force")));
  EXPECT_EQ(profile.ssh.user, "admin");
  EXPECT_EQ(profile.ssh.key, "");
}

TEST(ProfileTest, Host) {
  const Profile profile = LoadProfile("host", Values());
  EXPECT_FALSE(profile.host);
  EXPECT_EQ(profile.libvirt_uri, "qemu:///system");
  const std::string script = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/deployers/ai-how.sh";
  const std::string run = profile.placeholders.at("run");
  EXPECT_THAT(profile.deployer.create, ElementsAre(ElementsAre(script, "create", run, "hpc", "/c/x.yaml")));
  EXPECT_THAT(profile.deployer.destroy, ElementsAre(ElementsAre(script, "destroy", run, "hpc", "/c/x.yaml")));
  EXPECT_EQ(profile.ssh.key, fs::current_path() / "build/shared/ssh-keys/id_rsa");
  EXPECT_EQ(profile.ssh.port, 22);
  EXPECT_FALSE(profile.jump);
  EXPECT_EQ(profile.stub_driver, "");
  EXPECT_FALSE(profile.emulated_devices);
}

TEST(ProfileTest, DestroyHasTimeForEveryVm) {
  const TimeLimits none = Load(std::string(kSmall)).time_limits;
  EXPECT_EQ(DestroyLimit(none, 2), seconds(300));
  EXPECT_EQ(DestroyLimit(none, 8), seconds(300));
  EXPECT_EQ(DestroyLimit(none, 9), seconds(330)) << "30 s each, and a minute for the rest";
  EXPECT_EQ(DestroyLimit(none, 100), seconds(3060));
  const TimeLimits given = Load(std::string(kSmall) + "time_limits: {destroy: 120}\n").time_limits;
  EXPECT_EQ(DestroyLimit(given, 100), seconds(120)) << "what a profile says counts";
}

TEST(ProfileTest, EveryProfileThatIsThereLoads) {
  int profiles = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(PASSTHROUGH_SOURCE_DIR) / "configs/profiles")) {
    EXPECT_NO_THROW(LoadProfile(entry.path().stem().string(), Values())) << entry.path();
    ++profiles;
  }
  EXPECT_EQ(profiles, 3);
}

TEST(ProfileTest, WhatIsNotThereIsToldWithWhatIs) {
  EXPECT_THAT(
      [] { LoadProfile("hots", Values()); },
      ThrowsMessage<ConfigError>(HasSubstr("there is no profile \"hots\"; there are: host, host-own-deployer, lab")));
  EXPECT_THAT([] { LoadProfile("/nonexistent/p.yaml", Values()); },
              ThrowsMessage<ConfigError>("/nonexistent/p.yaml: cannot be read: No such file or directory"));
}

TEST(ProfileTest, DefaultsAndEverythingSet) {
  const Profile small = Load(std::string(kSmall));
  EXPECT_EQ(small.name, "mine");
  EXPECT_EQ(small.libvirt_uri, "qemu:///system");
  EXPECT_EQ(small.time_limits.create, seconds(1200));
  // nvidia_smi and device_files may hang, 60 s each, and the other probes still have their time.
  EXPECT_EQ(small.time_limits.collect, seconds(300));
  EXPECT_EQ(small.known_hosts, "");

  const Profile full = Load(
      "version: '1.0'\ndescription: d\nlibvirt: {uri: 'test:///default'}\n"
      "deployer: {create: [a, 22, '{{x}}', '{lab}/y'], destroy: [b], working_directory: /w}\n"
      "ssh: {user: root, key: /k, port: 2222}\n"
      "jump: {host: gate, port: 2223, user: jumper, key: /j}\nknown_hosts: /kh\n"
      "time_limits: {host: 1, create: 2, ssh: 3, collect: 4, destroy: 5, ready: 6, libvirt: 7}\n"
      "ready: [test, -e, /run/ready]\nnodes_at_once: 8\n"
      "stub_driver: a stand-in\nemulated_devices: true\nleast_link_percent: 60\n"
      "may_be_overwritten: ['0000:05:00.0', '0000:06:00.0']\n");
  EXPECT_THAT(small.may_be_overwritten, testing::IsEmpty());
  EXPECT_THAT(full.may_be_overwritten,
              ElementsAre(*PciAddress::Parse("0000:05:00.0"), *PciAddress::Parse("0000:06:00.0")));
  EXPECT_THROW(Load(std::string(kSmall) + "may_be_overwritten: [all]\n"), ConfigError);
  EXPECT_THROW(Load(std::string(kSmall) + "may_be_overwritten: '0000:05:00.0'\n"), ConfigError);
  EXPECT_TRUE(small.ready.is_default);
  EXPECT_EQ(small.nodes_at_once, 100);
  EXPECT_EQ(full.time_limits.ready, seconds(6));
  EXPECT_EQ(full.time_limits.libvirt, seconds(7));
  EXPECT_FALSE(full.ready.is_default);
  EXPECT_THAT(full.ready.command, ElementsAre("test", "-e", "/run/ready"));
  EXPECT_EQ(full.nodes_at_once, 8);
  const Profile nothing =
      Load("version: '1.0'\ndescription: d\ndeployer: {create: [a], destroy: [b]}\nssh: {user: root}\nready: []\n");
  EXPECT_FALSE(nothing.ready.is_default);
  EXPECT_THAT(nothing.ready.command, testing::IsEmpty());
  EXPECT_EQ(full.libvirt_uri, "test:///default");
  EXPECT_THAT(full.deployer.create, ElementsAre(ElementsAre("a", "22", "{x}", "/b/passthrough-lab/y")));
  EXPECT_EQ(full.deployer.working_directory, "/w");
  EXPECT_EQ(full.ssh.port, 2222);
  ASSERT_TRUE(full.jump);
  EXPECT_EQ(full.jump->host, "gate");
  EXPECT_EQ(full.jump->port, 2223);
  EXPECT_EQ(full.jump->user, "jumper");
  EXPECT_EQ(full.jump->key, "/j");
  EXPECT_EQ(full.known_hosts, "/kh");
  EXPECT_EQ(full.time_limits.host, seconds(1));
  EXPECT_EQ(full.time_limits.destroy, seconds(5));
  EXPECT_EQ(full.stub_driver, "a stand-in");
  EXPECT_TRUE(full.emulated_devices);
  EXPECT_EQ(small.least_link_percent, std::nullopt);
  EXPECT_EQ(full.least_link_percent, 60);
  EXPECT_THROW(Load(std::string(kSmall) + "least_link_percent: 101\n"), ConfigError);
}

TEST(ProfileTest, ConnectTakesTheDeployerAlong) {
  const std::string uri = "qemu+ssh://root@gpu-host/system";
  const Profile own = LoadProfile("host-own-deployer", Values(), {.connect = uri});
  EXPECT_EQ(own.libvirt_uri, uri);
  EXPECT_THAT(own.deployer.create, ElementsAre(testing::Contains(uri)));
  EXPECT_THAT(own.deployer.destroy, ElementsAre(testing::Contains(uri)));
  EXPECT_NO_THROW(RequireOverridesAreFollowed(own, true));
  const Profile here = LoadProfile("host-own-deployer", Values());
  EXPECT_THAT(here.deployer.destroy, ElementsAre(testing::Contains("qemu:///system")));
  EXPECT_NO_THROW(RequireOverridesAreFollowed(here, true));
}

TEST(ProfileTest, ADeployerThatStaysHereIsNoneForAnotherHost) {
  const Profile profile = LoadProfile("host", Values(), {.connect = "qemu+ssh://root@gpu-host/system"});
  EXPECT_THAT([&] { RequireOverridesAreFollowed(profile, true); },
              ThrowsMessage<Error>(testing::AllOf(HasSubstr("--connect qemu+ssh://root@gpu-host/system: profile host"),
                                                  HasSubstr("host-own-deployer"), HasSubstr("--attach"))));
  EXPECT_NO_THROW(RequireOverridesAreFollowed(profile, false)) << "it is there already";
}

// The lab's facts (its jump host, its stand-in for the driver) would be taken for the other host's.
TEST(ProfileTest, AProfileThatBringsItsHostUpIsNoneForAnotherHost) {
  const Profile lab = LoadProfile("lab", Values(), {.connect = "qemu+ssh://root@gpu-host/system"});
  for (const bool deploys : {true, false}) {
    EXPECT_THAT([&] { RequireOverridesAreFollowed(lab, deploys); },
                ThrowsMessage<Error>(testing::AllOf(HasSubstr("profile lab is for a host that it brings up itself"),
                                                    HasSubstr("--profile host"))));
  }
}

TEST(ProfileTest, UserAndKeyOfTheCommandLineStandInPlaceOfTheProfiles) {
  const Profile host = LoadProfile("host", Values(), {.ssh_user = "root", .ssh_key = "/mine"});
  EXPECT_EQ(host.ssh.user, "root");
  EXPECT_EQ(host.ssh.key, "/mine");
  EXPECT_NO_THROW(RequireOverridesAreFollowed(host, true));
  const Profile lab = LoadProfile("lab", Values(), {.ssh_key = "/mine"});
  EXPECT_THAT([&] { RequireOverridesAreFollowed(lab, true); },
              ThrowsMessage<Error>(
                  testing::AllOf(HasSubstr("--ssh-key: profile lab brings a host up"), HasSubstr("--profile host"))));
  EXPECT_NO_THROW(RequireOverridesAreFollowed(lab, false));
}

// A profile whose facts file is `facts`, laid over it once it exists.
class HostFactsTest : public testing::Test {
 protected:
  HostFactsTest() : directory_("facts-test") {}

  fs::path facts_path() const { return directory_.path() / "facts.yaml"; }

  Profile Lab() const { return ReadProfileFile("lab", Values(directory_.path().string())); }

  TemporaryDirectory directory_;
};

TEST_F(HostFactsTest, AreLaidOverTheProfileAndLeaveTheRest) {
  const Profile lab = Lab();
  WriteFile(facts_path(),
            "libvirt: {uri: 'qemu+ssh://root@127.0.0.1:2222/system'}\nssh: {key: /lab/key}\n"
            "jump: {host: 127.0.0.1, port: 2222, user: root, key: /lab/key}\n"
            "known_hosts: /lab/known_hosts\nstub_driver: a stub\nemulated_devices: true\n");
  const Profile profile = ResolveProfile(lab, HostFacts::kRequired);
  EXPECT_EQ(profile.libvirt_uri, "qemu+ssh://root@127.0.0.1:2222/system");
  EXPECT_EQ(profile.ssh.user, "admin") << "not named in the facts";
  EXPECT_EQ(profile.ssh.key, "/lab/key");
  ASSERT_TRUE(profile.jump);
  EXPECT_EQ(profile.jump->port, 2222);
  EXPECT_EQ(profile.known_hosts, "/lab/known_hosts");
  EXPECT_EQ(profile.stub_driver, "a stub");
  EXPECT_TRUE(profile.emulated_devices);
  EXPECT_EQ(ResolveProfile(Lab(), HostFacts::kIfThere).stub_driver, "a stub") << "of a host that is up already";

  WriteFile(facts_path(), "jump: {port: 3333}\ndeployer: {create: ['{lab}', '{config}']}\n");
  const Profile again = ResolveProfile(profile, HostFacts::kRequired);
  EXPECT_EQ(again.jump->port, 3333);
  EXPECT_EQ(again.jump->host, "127.0.0.1");
  EXPECT_THAT(again.deployer.create, ElementsAre(ElementsAre("/b/passthrough-lab", "/c/x.yaml")));
  EXPECT_THAT(again.deployer.destroy, ElementsAre(testing::Contains("destroy")));
}

TEST_F(HostFactsTest, OfAnEarlierHostDoNotStay) {
  const Profile lab = Lab();
  WriteFile(facts_path(), "stub_driver: a stub\nowner: run-1\nemulated_devices: true\n");
  EXPECT_EQ(ResolveProfile(lab, HostFacts::kIfThere).host_owner, "run-1");
  WriteFile(facts_path(), "ssh: {key: /lab/key}\n");
  const Profile now = ResolveProfile(lab, HostFacts::kRequired);
  EXPECT_EQ(now.host_owner, "");
  EXPECT_EQ(now.stub_driver, lab.stub_driver);
  EXPECT_EQ(now.emulated_devices, lab.emulated_devices);
}

TEST_F(HostFactsTest, GoBehindTheCommandLine) {
  const Profile lab =
      ReadProfileFile("lab", Values(directory_.path().string()), {.ssh_user = "root", .ssh_key = "/mine"});
  WriteFile(facts_path(), "ssh: {user: admin, key: /lab/key}\n");
  const Profile profile = ResolveProfile(lab, HostFacts::kRequired);
  EXPECT_EQ(profile.ssh.user, "root");
  EXPECT_EQ(profile.ssh.key, "/mine");
}

TEST_F(HostFactsTest, ThatAreBrokenAreAnErrorWithEveryProblem) {
  const Profile lab = Lab();
  WriteFile(facts_path(), "stub_driver: a stub\nhost: {}\njump: {port: 0}\n");
  EXPECT_EQ(ProblemsOf(facts_path(), [&] { ResolveProfile(lab, HostFacts::kRequired); }),
            "FILE:2:1: unknown key \"host\"; allowed: version, libvirt, deployer, ssh, jump, "
            "known_hosts, time_limits, ready, nodes_at_once, gpu_memory_percent, stub_driver, emulated_devices, "
            "least_link_percent, owner\n"
            "FILE:3:7: jump.host: is missing; must be a host name or address\n"
            "FILE:3:7: jump.user: is missing; must be a user on that host\n"
            "FILE:3:14: jump.port: is 0; must be a whole number from 1 to 65535\n");
}

TEST_F(HostFactsTest, ThatAreMissingAreAnErrorOnceTheyAreAskedFor) {
  const Profile lab = Lab();
  EXPECT_EQ(ProblemsOf(facts_path(), [&] { ResolveProfile(lab, HostFacts::kRequired); }),
            "FILE: cannot be read: No such file or directory\n");
  const Profile host = ReadProfileFile("host", Values());
  EXPECT_THAT([&] { ResolveProfile(host, HostFacts::kRequired); },
              ThrowsMessage<ConfigError>(HasSubstr("has no host.facts to lay over it")));
}

}  // namespace
}  // namespace passthrough
