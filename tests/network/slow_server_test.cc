// Servers that take their time, that let few in, and that never say a word; each beside a node that is well.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "helpers/base/text.h"
#include "helpers/ssh/tcp.h"
#include "tests/network/collecting.h"
#include "tests/network/proxy.h"
#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

class SlowServer : public testing::Test {
 protected:
  SlowServer() { collecting_.AddProbe("one", "echo hello"); }

  // The error of the node `account`, beside one that must be whole.
  std::string ErrorOf(const SshAccount& account) {
    auto outcomes = collecting_.Run({{"slow", account}, {"well", well_.account()}});
    EXPECT_EQ(outcomes["well"].error, "");
    EXPECT_EQ(collecting_.Load("well").Require("one").text, "hello\n");
    const std::string error = outcomes["slow"].error;
    EXPECT_EQ(Printable(error), error);
    EXPECT_LT(error.size(), 4096u);
    return error;
  }

  OpensshServer well_;
  Collecting collecting_;
};

// What a listener of the test's own says to everybody who connects; it holds all connections open.
class Speaker {
 public:
  explicit Speaker(std::function<bool(int)> say)
      : listener_(Listen(&port)), thread_([this, say](std::stop_token stop) {
          std::vector<Descriptor> clients;
          std::vector<bool> done;
          while (!stop.stop_requested()) {
            pollfd source = {listener_.get(), POLLIN, 0};
            if (poll(&source, 1, 5) > 0) {
              clients.emplace_back(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
              done.push_back(false);
            }
            for (size_t i = 0; i < clients.size(); ++i) {
              if (!done[i]) done[i] = !say(clients[i].get());
            }
          }
        }) {}

  SshAccount account() const {
    SshAccount account;
    account.host = "127.0.0.1";
    account.port = port;
    account.user = "admin";
    account.key = TestUserKey();
    return account;
  }
  uint16_t port = 0;

 private:
  Descriptor listener_;
  std::jthread thread_;
};

bool Send(int fd, std::string_view text) { return send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0; }

TEST_F(SlowServer, WhoseFirstWordTakesSecondsIsWaitedFor) {
  Proxy::Options options;
  options.delay = seconds(5);  // longer than a second connection is tried beside it
  const Proxy proxy(well_.account().port, options);
  EXPECT_EQ(ErrorOf(Through(proxy.port(), well_)), "");
}

TEST_F(SlowServer, ThatAcceptsAndNeverSpeaksIsNamed) {
  collecting_.options().ready_limit = seconds(2);
  const Speaker silent([](int) { return true; });
  EXPECT_THAT(ErrorOf(silent.account()),
              AllOf(HasSubstr(fmt::format("admin@127.0.0.1:{}", silent.port)), HasSubstr("no success in time"),
                    HasSubstr("connected, but the server says nothing")));
}

TEST_F(SlowServer, ThatSaysItsNameAndNoMoreIsNamed) {
  collecting_.options().ready_limit = seconds(2);
  const Speaker terse([](int client) { return Send(client, "SSH-2.0-terse\r\n") && false; });
  EXPECT_THAT(ErrorOf(terse.account()), AllOf(HasSubstr("no success in time"), HasSubstr("key exchange")));
}

TEST_F(SlowServer, ThatSpeaksAByteAtATimeIsBounded) {
  collecting_.options().ready_limit = seconds(3);
  const Speaker drip([](int client) { return Send(client, "S"); });
  EXPECT_THAT(ErrorOf(drip.account()), HasSubstr("no success in time"));
}

TEST_F(SlowServer, ThatFloodsBeforeItsNameIsBounded) {
  collecting_.options().ready_limit = seconds(3);
  const std::string line = std::string(60, 'x') + "\x1b[2J\r\n";
  const Speaker lines([&](int client) {
    while (Send(client, line)) {
    }
    return errno == EAGAIN;
  });
  EXPECT_THAT(ErrorOf(lines.account()), HasSubstr("no success in time"));
  const std::string endless(4096, '\x1b');
  const Speaker no_line([&](int client) {
    while (Send(client, endless)) {
    }
    return errno == EAGAIN;
  });
  EXPECT_THAT(ErrorOf(no_line.account()), HasSubstr("no success in time"));
}

TEST_F(SlowServer, ThatIsNoSshServerIsNamed) {
  collecting_.options().ready_limit = seconds(2);
  const Speaker http([](int client) {
    Send(client, "HTTP/1.1 400 Bad Request\r\nServer: \x1b]0;owned\x07\r\n\r\n");
    shutdown(client, SHUT_RDWR);
    return false;
  });
  EXPECT_THAT(ErrorOf(http.account()), AllOf(HasSubstr("no success in time"), HasSubstr("last cause")));
}

TEST_F(SlowServer, ThatAllowsOneSessionAtATimeGivesAllEvidence) {
  OpensshServer::Options options;
  options.more_config = {"MaxSessions 1"};
  const OpensshServer strict(options);
  EXPECT_EQ(ErrorOf(strict.account()), "");
}

}  // namespace
}  // namespace passthrough
