// ConnectWhenReady: what it waits out, and what not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>

#include "helpers/base/interruption.h"
#include "helpers/ssh/ssh_session.h"
#include "tests/ssh/openssh_server.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

// Ends an accept(2) that waits, so that its thread can be joined whatever happened.
struct Ender {
  ~Ender() { shutdown(listener.get(), SHUT_RDWR); }
  const Descriptor& listener;
};

class WhenReady : public testing::Test {
 protected:
  ~WhenReady() override { ClearInterruption(); }

  static Deadline Soon() { return Deadline::After(seconds(60)); }

  static SshAccount Account() {
    SshAccount account;
    account.host = "127.0.0.1";
    account.user = "admin";
    account.key = TestUserKey();
    return account;
  }

  std::string WhatTimeoutSays(const SshAccount& account, milliseconds limit, JumpHost* jump = nullptr) {
    try {
      ConnectWhenReady(account, jump, keys_, Deadline::After(limit));
    } catch (const TimeoutError& error) {
      return error.what();
    }
    return "no TimeoutError";
  }

  HostKeys keys_{"", ""};
};

TEST_F(WhenReady, ServerIsThere) {
  const OpensshServer server;
  SshSession session = ConnectWhenReady(server.account(), nullptr, keys_, Soon());
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
}

TEST_F(WhenReady, ServerStartsLater) {
  OpensshServer::Options options;
  options.start = false;
  OpensshServer server(options);
  std::jthread starter([&] {
    std::this_thread::sleep_for(milliseconds(700));
    server.Start();
  });
  SshSession session = ConnectWhenReady(server.account(), nullptr, keys_, Soon());
  starter.join();
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
}

TEST_F(WhenReady, ServerStartsLaterBehindAJumpHost) {
  const OpensshServer jump_server;
  JumpHost jump(jump_server.account(), keys_, Soon());
  OpensshServer::Options options;
  options.start = false;
  OpensshServer server(options);
  std::jthread starter([&] {
    std::this_thread::sleep_for(milliseconds(700));
    server.Start();
  });
  SshSession session = ConnectWhenReady(server.account(), &jump, keys_, Soon());
  starter.join();
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
}

TEST_F(WhenReady, ServerThatClosesAtOnceIsTriedAgain) {
  // First somebody who hangs up on everyone, then, on the same port, OpenSSH.
  OpensshServer::Options options;
  options.start = false;
  Descriptor listener = Listen(&options.port);
  OpensshServer server(options);
  std::jthread starter([&] {
    for (int i = 0; i < 3; ++i) Descriptor(accept(listener.get(), nullptr, nullptr));
    listener.Reset();
    server.Start();
  });
  SshSession session = ConnectWhenReady(server.account(), nullptr, keys_, Soon());
  starter.join();
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
}

TEST_F(WhenReady, SecondConnectionIsTriedBesideASilentOne) {
  // A forwarder that never connects its first client to anything, as one does whose other side was
  // not up yet; the second client gets through.
  const OpensshServer server;
  SshAccount account = server.account();
  const uint16_t target = account.port;
  Descriptor listener = Listen(&account.port);
  std::jthread forwarder([&] {
    const Descriptor first(accept(listener.get(), nullptr, nullptr));
    const Descriptor second(accept(listener.get(), nullptr, nullptr));
    Pass(second.get(), target);
  });
  const Ender ender{listener};
  // Sooner than the silent one is given up (30 s).
  SshSession session = ConnectWhenReady(account, nullptr, keys_, Deadline::After(seconds(25)));
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
  { const SshSession ended = std::move(session); }
  forwarder.join();
}

TEST_F(WhenReady, DeadlineNamesTheLastCause) {
  SshAccount account = Account();
  account.port = FreePort();
  EXPECT_THAT(WhatTimeoutSays(account, milliseconds(400)),
              AllOf(HasSubstr("SSH server of admin@127.0.0.1:"), HasSubstr("no success in time"),
                    HasSubstr("Connection refused")));
  const OpensshServer jump_server;
  JumpHost jump(jump_server.account(), keys_, Soon());
  EXPECT_THAT(WhatTimeoutSays(account, milliseconds(400), &jump),
              AllOf(HasSubstr("no success in time"), HasSubstr("Connection refused")));
}

TEST_F(WhenReady, SilentServerHitsTheDeadline) {
  SshAccount account = Account();
  const Descriptor listener = Listen(&account.port);
  EXPECT_THAT(WhatTimeoutSays(account, milliseconds(400)), HasSubstr("no success in time"));
}

TEST_F(WhenReady, EndsOnInterruption) {
  SshAccount account = Account();
  account.port = FreePort();
  std::jthread interrupter([] {
    std::this_thread::sleep_for(milliseconds(200));
    RequestInterruption(2);
  });
  EXPECT_THROW(ConnectWhenReady(account, nullptr, keys_, Soon()), InterruptedError);
  interrupter.join();
}

TEST_F(WhenReady, RefusedKeyIsTriedForAWhileOnly) {
  const OpensshServer server;
  const TemporaryDirectory directory("ready");
  SshAccount account = server.account();
  account.key = directory.path() / "stranger";
  MakeKeyPair(account.key);
  try {
    ConnectWhenReady(account, nullptr, keys_, Soon());
    ADD_FAILURE() << "connected with a key that is not authorized";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("permission denied"));
  }
}

TEST_F(WhenReady, ChangedHostKeyEndsTheWait) {
  OpensshServer server;
  ConnectWhenReady(server.account(), nullptr, keys_, Soon());
  server.Stop();
  server.ChangeHostKeys();
  server.Start();
  EXPECT_THROW(ConnectWhenReady(server.account(), nullptr, keys_, Deadline::Never()), SshError);
}

TEST_F(WhenReady, BadKeyFileEndsTheWait) {
  const OpensshServer server;
  SshAccount account = server.account();
  account.key = "/nonexistent/key";
  EXPECT_THROW(ConnectWhenReady(account, nullptr, keys_, Deadline::Never()), SshError);
}

}  // namespace
}  // namespace passthrough
