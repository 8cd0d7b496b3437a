// Tunnels through a real OpenSSH server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "helpers/ssh/ssh_session.h"
#include "tests/ssh/openssh_server.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class Jump : public testing::Test {
 protected:
  static Deadline Soon() { return Deadline::After(seconds(60)); }

  // A tunnel to a listener of this test, and the listener's side of it.
  void OpenPair() {
    uint16_t port = 0;
    const Descriptor listener = Listen(&port);
    near_.Reset(jump_.OpenTunnel("127.0.0.1", port, Soon()));
    far_.Reset(accept(listener.get(), nullptr, nullptr));
  }

  static void Send(const Descriptor& to, std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = send(to.get(), text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      text.remove_prefix(static_cast<size_t>(count));
    }
  }

  // Until the end of file.
  static std::string ReceiveAll(const Descriptor& from) {
    std::string all;
    char piece[65536];
    ssize_t count;
    while ((count = recv(from.get(), piece, sizeof piece, 0)) > 0) {
      all.append(piece, static_cast<size_t>(count));
    }
    return all;
  }

  // How much goes in before nothing more is taken for half a second.
  static size_t Fill(const Descriptor& to) {
    const std::string piece(65536, 'x');
    size_t total = 0;
    pollfd source = {to.get(), POLLOUT, 0};
    while (total < (256u << 20) && poll(&source, 1, 500) > 0) {
      const ssize_t count = send(to.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) total += static_cast<size_t>(count);
    }
    return total;
  }

  HostKeys keys_{"", ""};
  OpensshServer server_;
  JumpHost jump_{server_.account(), keys_, Soon()};
  Descriptor near_;
  Descriptor far_;
};

TEST_F(Jump, CarriesASession) {
  OpensshServer::Options options;
  options.address = "127.0.0.2";
  const OpensshServer node(options);
  SshSession session = SshSession::Connect(node.account(), &jump_, keys_, Soon());
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
  // The node sees the jump host, not us.
  EXPECT_THAT(server_.log(), HasSubstr("Accepted publickey"));
}

TEST_F(Jump, CarriesManySessionsAtOnce) {
  const OpensshServer node;
  std::string input;
  for (int i = 0; i < 500'000; ++i) input += static_cast<char>(i * 13 + i / 256);
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      SshSession session = SshSession::Connect(node.account(), &jump_, keys_, Soon());
      ExecOptions options;
      options.input = input;
      if (session.Exec("cat", options, Soon()).output == input) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
}

TEST_F(Jump, CarriesBytesBothWaysAndHalfCloses) {
  OpenPair();
  Send(near_, "there");
  shutdown(near_.get(), SHUT_WR);
  EXPECT_EQ(ReceiveAll(far_), "there");
  Send(far_, "back");
  far_.Reset();
  EXPECT_EQ(ReceiveAll(near_), "back");
}

TEST_F(Jump, PassesOnThatTheFarSideEnded) {
  OpenPair();
  Send(far_, "last words");
  far_.Reset();
  EXPECT_EQ(ReceiveAll(near_), "last words");
}

TEST_F(Jump, PassesOnThatTheNearSideEnded) {
  OpenPair();
  Send(near_, "last words");
  near_.Reset();
  EXPECT_EQ(ReceiveAll(far_), "last words");
  // Not only its sending half: whoever goes on writing there is told.
  const Deadline deadline = Soon();
  while (send(far_.get(), "x", 1, MSG_NOSIGNAL) == 1) {
    deadline.Check("an error on the far side");
    std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST_F(Jump, HoldsBackASenderThatIsTooFastForTheFarSide) {
  OpenPair();
  const size_t sent = Fill(near_);
  EXPECT_LT(sent, 100u << 20);
  shutdown(near_.get(), SHUT_WR);
  EXPECT_EQ(ReceiveAll(far_).size(), sent);
}

TEST_F(Jump, HoldsBackASenderThatIsTooFastForTheNearSide) {
  OpenPair();
  const size_t sent = Fill(far_);
  EXPECT_LT(sent, 100u << 20);
  far_.Reset();
  EXPECT_EQ(ReceiveAll(near_).size(), sent);
}

TEST_F(Jump, SlowReaderDoesNotLetTheSenderRunAhead) {
  OpenPair();
  size_t sent = Fill(far_);
  size_t received = 0;
  size_t most_ahead = 0;
  char piece[16384];
  for (int i = 0; i < 400; ++i) {
    received += static_cast<size_t>(recv(near_.get(), piece, sizeof piece, 0));
    const std::string more(65536, 'x');
    const ssize_t count = send(far_.get(), more.data(), more.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += static_cast<size_t>(count);
    std::this_thread::sleep_for(milliseconds(1));
    most_ahead = std::max(most_ahead, sent - received);
  }
  EXPECT_LT(most_ahead, 40u << 20);
  far_.Reset();
  EXPECT_EQ(received + ReceiveAll(near_).size(), sent);
}

TEST_F(Jump, StalledTunnelDoesNotHoldUpOthers) {
  OpenPair();
  Fill(near_);
  const Descriptor stalled_near = std::move(near_);
  const Descriptor stalled_far = std::move(far_);
  OpenPair();
  Fill(far_);
  const Descriptor second_near = std::move(near_);
  const Descriptor second_far = std::move(far_);
  const OpensshServer node;
  SshSession session = SshSession::Connect(node.account(), &jump_, keys_, Soon());
  EXPECT_EQ(session.Exec("echo hello", {}, Soon()).output, "hello\n");
}

TEST_F(Jump, RefusedTargetGivesTheReason) {
  try {
    jump_.OpenTunnel("127.0.0.1", FreePort(), Soon());
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
    EXPECT_THAT(error.what(), HasSubstr("through " + server_.account().user + "@127.0.0.1"));
  }
}

TEST_F(Jump, ForbiddenForwardingGivesTheReason) {
  OpensshServer::Options options;
  options.more_config = {"AllowTcpForwarding no"};
  const OpensshServer strict(options);
  JumpHost jump(strict.account(), keys_, Soon());
  try {
    jump.OpenTunnel("127.0.0.1", server_.account().port, Soon());
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("open failed"));
  }
}

TEST_F(Jump, ManyRefusalsAtOnceAreToldApart) {
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      try {
        if (i % 2 == 0) {
          Descriptor(jump_.OpenTunnel("127.0.0.1", server_.account().port, Soon()));
          ++good;
        } else {
          Descriptor(jump_.OpenTunnel("127.0.0.1", FreePort("127.0.0.9"), Soon()));
        }
      } catch (const SshError& error) {
        if (std::string(error.what()).find("refused") != std::string::npos) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 16);
}

TEST_F(Jump, BrokenLinkEndsTunnelsAndTheNextTunnelHasANewOne) {
  OpenPair();
  server_.KillSessions();
  EXPECT_EQ(ReceiveAll(near_), "");
  OpenPair();
  Send(near_, "there");
  near_.Reset();
  EXPECT_EQ(ReceiveAll(far_), "there");
}

TEST_F(Jump, ManyTunnelsAfterABrokenLinkShareANewOne) {
  server_.KillSessions();
  uint16_t port = 0;
  const Descriptor listener = Listen(&port);
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const Descriptor near(jump_.OpenTunnel("127.0.0.1", port, Soon()));
      if (near) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  size_t logins = 0;
  const std::string log = server_.log();
  for (size_t at = 0; (at = log.find("Accepted publickey", at)) != std::string::npos; ++at) ++logins;
  EXPECT_EQ(logins, 2u);
}

TEST_F(Jump, ServerThatIsGoneIsTold) {
  server_.Stop();
  for (int i = 0; i < 2; ++i) {
    try {
      jump_.OpenTunnel("127.0.0.1", 22, Soon());
      ADD_FAILURE() << "no SshError";
    } catch (const SshError& error) {
      EXPECT_THAT(error.what(), HasSubstr("no connection to the jump host any more, and none could be made"));
      EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
    }
  }
}

TEST_F(Jump, AnotherServerInItsPlaceIsRefused) {
  server_.Stop();
  server_.ChangeHostKeys();
  server_.Start();
  try {
    jump_.OpenTunnel("127.0.0.1", server_.account().port, Soon());
    ADD_FAILURE() << "no SshError";
  } catch (const SshError& error) {
    EXPECT_THAT(error.what(), HasSubstr("host key of"));
  }
}

TEST_F(Jump, DestructionEndsTunnels) {
  Descriptor near;
  Descriptor far;
  {
    JumpHost jump(server_.account(), keys_, Soon());
    uint16_t port = 0;
    const Descriptor listener = Listen(&port);
    near.Reset(jump.OpenTunnel("127.0.0.1", port, Soon()));
    far.Reset(accept(listener.get(), nullptr, nullptr));
  }
  EXPECT_EQ(ReceiveAll(near), "");
  EXPECT_EQ(ReceiveAll(far), "");
}

TEST_F(Jump, DeadlineWhileTheTargetDoesNotAnswer) {
  // A full backlog: the kernel drops further connections.
  uint16_t port = 0;
  const Descriptor listener = Listen(&port);
  listen(listener.get(), 0);
  std::vector<Descriptor> filling;
  for (int i = 0; i < 4; ++i) {
    try {
      filling.emplace_back(jump_.OpenTunnel("127.0.0.1", port, Deadline::After(seconds(1))));
    } catch (const TimeoutError&) {
      SUCCEED();
      return;
    }
  }
  ADD_FAILURE() << "no TimeoutError";
}

}  // namespace
}  // namespace passthrough
