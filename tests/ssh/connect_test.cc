// SshSession::Connect against real OpenSSH servers, and against none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "helpers/base/interruption.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"
#include "helpers/ssh/ssh_session.h"
#include "tests/ssh/openssh_server.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

class Connect : public testing::Test {
 protected:
  Connect() { unsetenv("SSH_AUTH_SOCK"); }
  ~Connect() override { ClearInterruption(); }

  static Deadline Soon() { return Deadline::After(seconds(60)); }

  // What Connect throws, or "connected".
  std::string Try(const SshAccount& account, const Deadline& deadline = Soon()) {
    try {
      SshSession::Connect(account, nullptr, keys_, deadline);
    } catch (const Error& error) {
      return error.what();
    }
    return "connected";
  }

  HostKeys keys_{"", ""};
};

TEST_F(Connect, WithKeyFile) {
  const OpensshServer server;
  EXPECT_EQ(Try(server.account()), "connected");
}

TEST_F(Connect, PinsTheHostKey) {
  OpensshServer server;
  const TemporaryDirectory directory("connect");
  HostKeys keys(directory.path() / "known_hosts", "");
  SshSession::Connect(server.account(), nullptr, keys, Soon());
  EXPECT_EQ(ReadFile(directory.path() / "known_hosts"),
            KnownHostsName("127.0.0.1", server.account().port) + " " + server.host_key() + "\n");
}

TEST_F(Connect, ChangedHostKeyIsAnError) {
  OpensshServer server;
  ASSERT_EQ(Try(server.account()), "connected");
  server.Stop();
  server.ChangeHostKeys();
  server.Start();
  EXPECT_THAT(Try(server.account()), AllOf(HasSubstr("host key of [127.0.0.1]:"), HasSubstr("changed: expected")));
  EXPECT_THAT(server.log(), testing::Not(HasSubstr("Accepted publickey")));
}

TEST_F(Connect, HonoursTheUsersKnownHosts) {
  OpensshServer server;
  const TemporaryDirectory directory("connect");
  const auto file = directory.path() / "known_hosts";
  const auto name = KnownHostsName("127.0.0.1", server.account().port);
  WriteFile(file, name + " " + server.host_key() + "\n");
  HostKeys good("", file);
  SshSession::Connect(server.account(), nullptr, good, Soon());
  const OpensshServer other;
  WriteFile(file, name + " " + other.host_key() + "\n");
  HostKeys bad("", file);
  EXPECT_THROW(SshSession::Connect(server.account(), nullptr, bad, Soon()), SshError);
}

TEST_F(Connect, AsksForTheTypeOfHostKeyThatIsKnown) {
  OpensshServer::Options options;
  options.host_key_types = {"rsa", "ecdsa", "ed25519"};
  const OpensshServer server(options);
  const TemporaryDirectory directory("connect");
  WriteFile(directory.path() / "known_hosts",
            KnownHostsName("127.0.0.1", server.account().port) + " " + server.host_key() + "\n");
  HostKeys keys("", directory.path() / "known_hosts");
  EXPECT_NO_THROW(SshSession::Connect(server.account(), nullptr, keys, Soon()));
}

TEST_F(Connect, RefusedKeyIsNamed) {
  const OpensshServer server;
  const TemporaryDirectory directory("connect");
  SshAccount account = server.account();
  account.key = directory.path() / "stranger";
  MakeKeyPair(account.key);
  EXPECT_THAT(Try(account),
              AllOf(HasSubstr("permission denied for " + account.user + "@127.0.0.1:"),
                    HasSubstr("the key " + account.key.string() + " (SHA256:"), HasSubstr("was refused")));
}

TEST_F(Connect, BadKeyFileIsTold) {
  const OpensshServer server;
  SshAccount account = server.account();
  account.key = "/nonexistent/key";
  EXPECT_THAT(Try(account), HasSubstr("private key /nonexistent/key cannot be used"));
}

TEST_F(Connect, WithAgent) {
  const OpensshServer server;
  SshAccount account = server.account();
  account.key.clear();
  EXPECT_THAT(Try(account), HasSubstr("SSH_AUTH_SOCK is not set"));

  const TemporaryDirectory directory("agent");
  const std::string socket = (directory.path() / "socket").string();
  setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  EXPECT_THAT(Try(account), HasSubstr("ssh-agent"));  // nobody listens there

  // The agent lives as long as this child, and ends with its group.
  std::jthread agent([&] {
    RunChild({"sh", "-c",
              "ssh-agent -D -a " + socket + " & while ! ssh-add " + TestUserKey().string() +
                  "; do sleep 0.05; done; touch " + socket + ".ready; while ! test -e " + socket +
                  ".end; do sleep 0.05; done"},
             {}, Deadline::After(seconds(60)));
  });
  while (!std::filesystem::exists(socket + ".ready")) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(Try(account), "connected");
  // What is refused is told without what the agent holds: neither keys nor their comments.
  account.user = "nobody-of-that-name";
  const std::string refused = Try(account);
  EXPECT_THAT(refused, HasSubstr("every key of the ssh-agent was refused"));
  const std::string key = ReadFile(TestUserKey().string() + ".pub");
  for (const std::string_view word : SplitWords(key)) {
    EXPECT_THAT(refused, testing::Not(HasSubstr(std::string(word))));
  }
  WriteFile(socket + ".end", "");
  agent.join();
  unsetenv("SSH_AUTH_SOCK");
}

TEST_F(Connect, NobodyListens) {
  SshAccount account;
  account.host = "127.0.0.1";
  account.port = FreePort();
  account.user = "admin";
  account.key = TestUserKey();
  EXPECT_THAT(Try(account), HasSubstr("127.0.0.1 port " + std::to_string(account.port) + ": Connection refused"));
}

TEST_F(Connect, HostNameThatDoesNotExist) {
  SshAccount account;
  account.host = "no-such-host.invalid";
  account.user = "admin";
  account.key = TestUserKey();
  EXPECT_THAT(Try(account), HasSubstr("no-such-host.invalid"));
}

class SilentServer : public Connect {
 protected:
  SilentServer() {
    account_.host = "127.0.0.1";
    account_.user = "admin";
    account_.key = TestUserKey();
    listener_ = Listen(&account_.port);
  }

  SshAccount account_;
  Descriptor listener_;
};

TEST_F(SilentServer, EndsAtTheDeadline) {
  EXPECT_THROW(SshSession::Connect(account_, nullptr, keys_, Deadline::After(milliseconds(300))), TimeoutError);
}

TEST_F(SilentServer, EndsOnInterruption) {
  std::jthread interrupter([] {
    std::this_thread::sleep_for(milliseconds(200));
    RequestInterruption(2);
  });
  EXPECT_THROW(SshSession::Connect(account_, nullptr, keys_, Soon()), InterruptedError);
  interrupter.join();
}

// As a server with too many connections does it, and OpenSSH 9.8 to whose keys it refused a moment ago.
TEST_F(SilentServer, ThatClosesTheConnectionAtOnceIsTold) {
  std::jthread closer([this] { close(accept(listener_.get(), nullptr, nullptr)); });
  EXPECT_THAT(Try(account_), HasSubstr("closed the connection without a word: it is not up yet, or its MaxStartups"));
}

size_t Entries(const char* directory) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

TEST_F(Connect, FiftyConnectionsLeakNothing) {
  const OpensshServer server;
  const OpensshServer jump_server;
  SshAccount refused = server.account();
  const TemporaryDirectory directory("connect");
  refused.key = directory.path() / "stranger";
  MakeKeyPair(refused.key);
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const size_t descriptors = Entries("/proc/self/fd");
  const size_t threads = Entries("/proc/self/task");
  for (int i = 0; i < 10; ++i) {
    JumpHost jump(jump_server.account(), keys_, Soon());
    for (int k = 0; k < 2; ++k) {
      SshSession session = SshSession::Connect(server.account(), &jump, keys_, Soon());
      EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
    }
    SshSession direct = SshSession::Connect(server.account(), nullptr, keys_, Soon());
    EXPECT_THAT(Try(refused), HasSubstr("refused"));
  }
  EXPECT_EQ(Entries("/proc/self/fd"), descriptors);
  EXPECT_EQ(Entries("/proc/self/task"), threads);
}

}  // namespace
}  // namespace passthrough
